#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The daemon as a service: its file of settings, what it tells the manager that has started it, and what that may ask of
# it. One node, whose manager is a socket.
. "$(dirname "$0")/lib.bash"
conf=$tmp/dvs.conf socket=$tmp/order.sock
trap 'kill $daemon $order $manager 2>/dev/null; rm -rf "$tmp"' EXIT

dvs key make "$tmp/key" >/dev/null || exit 1
settings() { # LINE...
	printf '%s\n' "address = 127.0.0.1" "group = local:$socket" "key = $tmp/key" "$@" >"$conf"
}
told() { # WORDS: within some seconds they are in FILE
	for _ in {1..60}; do
		grep -q -e "$1" "$2" && return
		sleep 0.1
	done
	return 1
}

cat >"$tmp/manager.py" <<'P'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(s.recv(4096).decode().replace("\n", " "), flush=True)
P
python3 "$tmp/manager.py" "$tmp/notify" >"$tmp/told" & manager=$!
dvs-sequencer --socket "$socket" 2>/dev/null & order=$!
until [[ -S $tmp/notify && -S $socket ]]; do sleep 0.05; done

begin "a wrong line of the file is named, with its number and a remedy, and the status is 2"
while IFS='|' read -r line words; do
	settings "id = 0" "$line"
	timeout 10 dvsd --config "$conf" --check >"$tmp/out" 2>"$tmp/err"
	status=$?
	[[ $status == 2 ]] || fail "\"$line\": status $status"
	[[ $(wc -l <"$tmp/err") == 1 ]] && grep -q -e "$conf:5: .*$words.*\(change\|remove\) " "$tmp/err" || fail "\"$line\": $(<"$tmp/err")"
done <<'LIST'
port = 0|port is "0", and has to be a number from 1 to 65535
prot = 7700|no setting "prot"
id = 1|id stands in line 4 already
[node]|there are no sections here
log-level = loud|error, warn, info or debug
name = a name of many characters|1 to 15 characters
users = nobodys|a group of this machine
LIST
settings
dvsd --config "$conf" --check 2>&1 | grep -q "$conf: id is missing: add a line such as" || fail "no id"
end

begin "a file that others than root can write to is refused"
settings "id = 0"
timeout 10 dvsd --config "$conf" --check >/dev/null || fail "refused as it should be"
chmod g+w "$conf"
dvsd --config "$conf" --check 2>&1 | grep -q 'chmod go-w' || fail "writable for a group"
chmod 644 "$conf" && chown 4711 "$conf"
dvsd --config "$conf" --check 2>&1 | grep -q 'chown root' || fail "of another user"
chown root "$conf"
end

begin "--check looks at the key file as the daemon does, and names the file and the remedy; the status is 1"
settings "id = 0"
key_is_refused() { # WORDS
	timeout 10 dvsd --config "$conf" --check >"$tmp/out" 2>"$tmp/err"
	local status=$?
	[[ $status == 1 && $(wc -l <"$tmp/err") == 1 && ! -s $tmp/out ]] || fail "not \"$1\": status $status, $(cat "$tmp/out" "$tmp/err")"
	grep -q -e "$tmp/key.*$1.*(EDVS[A-Z]*)$" "$tmp/err" || fail "not \"$1\": $(<"$tmp/err")"
}
chmod 640 "$tmp/key" && key_is_refused '(mode 640): chmod 600'
chmod 600 "$tmp/key" && chown 4711 "$tmp/key" && key_is_refused 'chown root'
chown root "$tmp/key" && mv "$tmp/key" "$tmp/right" && key_is_refused 'dvs key make makes'
ln -s right "$tmp/key" && key_is_refused 'name the file itself'
rm "$tmp/key" && cat "$tmp/right" "$tmp/right" "$tmp/right" >"$tmp/key" && chmod 600 "$tmp/key" && key_is_refused 'it is a second primary key'
mv "$tmp/right" "$tmp/key"
timeout 10 dvsd --config "$conf" --check >/dev/null 2>"$tmp/err" || fail "the right one: $(<"$tmp/err")"
end

begin "the sample is complete: with its examples put in it is right"
dvsd --sample | sed "s/^#\([a-z-]* = \)/\1/; s|^key = .*|key = $tmp/key|; s|^users = .*|users = root|" >"$conf"
timeout 10 dvsd --config "$conf" --check >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
dvsd --help | grep -oE '^  --[a-z-]+ [A-Z]+' | awk '{ print substr($1, 3) }' | grep -vxE 'config|ready-fd' | while read -r name; do
	grep -q "^$name = " "$conf" || echo "$name"
done >"$tmp/missing"
[[ -s $tmp/missing ]] && fail "not in the sample: $(<"$tmp/missing")"
end

begin "a daemon without keys says so, whatever level its log has, and one without a key of others"
timeout 5 dvsd --id 5 --address 127.0.0.9 --group "local:$tmp/none" --links plain --log-level error >"$tmp/out" 2>&1
grep -q 'E dvsd 5: links are plain, which is for measuring only' "$tmp/out" || fail "$(<"$tmp/out")"
timeout 5 dvsd --id 5 --address 127.0.0.9 --group "local:$tmp/none" >"$tmp/out" 2>&1
grep -q 'no key was given: this node has links to no other' "$tmp/out" || fail "$(<"$tmp/out")"
end

settings "id = 0" "name = alpha"
NOTIFY_SOCKET=$tmp/notify WATCHDOG_USEC=400000 dvsd --config "$conf" 2>"$tmp/log" & daemon=$!
begin "the manager is told that the node is a member, and again and again that the daemon lives"
if ! told READY=1 "$tmp/told"; then
	if ldd "$build/bin/dvsd" | grep -q libsystemd; then fail "not told: $(<"$tmp/log")"; else
		echo "skip - this build is without libsystemd"
		exit 77
	fi
fi
told 'STATUS=node 0 is a member' "$tmp/told" || fail "$(<"$tmp/told")"
alive() { (($(grep -c WATCHDOG=1 "$tmp/told") >= 4)); }
until_true 5 alive || fail "alive $(grep -c WATCHDOG=1 "$tmp/told") times in 5 s, with 0.4 s wanted"
timeout 10 dvs nodes | grep -q ' alpha ' || fail "it is not called alpha"
end

begin "a stopped daemon does not tell that it lives"
kill -STOP "$(daemon_below "$daemon")"
sleep 0.3
before=$(grep -c WATCHDOG=1 "$tmp/told")
sleep 1
[[ $(grep -c WATCHDOG=1 "$tmp/told") == "$before" ]] || fail "it does"
kill -CONT "$(daemon_below "$daemon")"
end

begin "SIGHUP has the file read again; what cannot change is named, and a wrong file changes nothing"
settings "id = 0" "name = alpha" "log-level = debug"
kill -HUP "$daemon"
told RELOADING=1 "$tmp/told" && told 'was read again' "$tmp/log" || fail "not read: $(<"$tmp/log")"
settings "id = 0" "name = beta"
kill -HUP "$daemon"
told "$conf:5: name is other than the one" "$tmp/log" || fail "$(<"$tmp/log")"
settings "id = zero"
kill -HUP "$daemon"
told "$conf:4: id is \"zero\".*stay as they were" "$tmp/log" || fail "$(<"$tmp/log")"
kill -0 "$daemon" || fail "the daemon has ended"
end

begin "a restart goes on with the node's settings, whatever stands in the file by now"
timeout 10 dvs dc create 0 >/dev/null
timeout 10 dvs run 0 10 -- sleep 1000 >/dev/null || fail "run"
for text in "id = 7" "nonsense"; do
	settings "$text" "name = gamma"
	timeout 20 dvs restart >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
	timeout 10 dvs nodes | grep -q '^ *0  alpha ' || fail "after \"$text\": $(timeout 10 dvs nodes)"
done
timeout 10 dvs ps | grep -q sleep || fail "its process is gone"
settings "id = 0" "name = alpha"
kill -HUP "$daemon"
for _ in {1..50}; do (($(grep -c 'was read again' "$tmp/log") >= 2)) && break; sleep 0.1; done
(($(grep -c 'was read again' "$tmp/log") >= 2)) || fail "a successor does not read its file: $(<"$tmp/log")"
kill -0 "$(timeout 10 dvs ps 0 --json | grep -o '"lpid": *[0-9]*' | grep -o '[0-9]*' | head -n 1)" || fail "the process has ended"
end

cp "$build/bin/dvs" "$tmp" && chmod 755 "$tmp"
as_user() { # GROUP WORDS OF dvs...
	timeout 20 setpriv --reuid 4711 --regid 4711 --groups "$1" "$tmp/dvs" "${@:2}" >"$tmp/out" 2>"$tmp/err"
}
begin "without a group of users, any user may ask"
as_user 4712 nodes || fail "$(<"$tmp/err")"
end

begin "it tells that it stops"
kill "$daemon"
wait "$daemon" || fail "status $?"
told STOPPING=1 "$tmp/told" || fail "not told"
end

begin "with a group of users, others are refused each request, by a sentence that names the group, also after a restart"
settings "id = 0" "name = alpha" "users = 4720"
NOTIFY_SOCKET=$tmp/notify WATCHDOG_USEC=400000 dvsd --config "$conf" 2>"$tmp/log" & daemon=$!
until_true 10 eval 'timeout 5 dvs nodes >/dev/null 2>&1' || fail "$(<"$tmp/log")"
for life in 1 2; do
	for words in nodes ps "dc list" "run 0 9 -- sleep 1" restart; do
		as_user 4712 $words && fail "life $life: a stranger may: dvs $words"
		grep -q 'uid 4711 may not ask the daemon of node 0.*users of group 4720.*usermod.*EDVSPRIVILEGES' "$tmp/err" || fail "dvs $words: $(<"$tmp/err")"
	done
	as_user 4720 nodes || fail "life $life: a member: $(<"$tmp/err")"
	timeout 20 dvs restart >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
done
end

finish
