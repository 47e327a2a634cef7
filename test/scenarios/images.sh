#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 110
#
# Images in files: a checkpoint of a server that goes on, of one that ends; restored here, elsewhere, as another
# endpoint; refused by name where that cannot be.
. "$(dirname "$0")/lib.bash"
export DVS_FAULT=keep-check # its daemons compare what they leave to a next one with all that there is
lab 2

image=$tmp/image

# A program without a library that counts, and says so.
counter() { # NODE EP
	timeout 20 dvs -n "$1" run 0 "$2" -- /usr/bin/python3 -c "
import time
n = 0
while True:
    n += 1
    print('count', n, flush=True)
    time.sleep(0.01)" >"$tmp/started" 2>&1 || fail "run $2: $(<"$tmp/started")"
}
count_of() { timeout 5 dvs logs 0 "$1" 2>/dev/null | grep -a '^count' | tail -n 1 | cut -d' ' -f2; }
counts_past() {
	local n
	n=$(count_of "$1")
	((${n:-0} > $2))
}
owner() { timeout 5 dvs ps 0 --json | python3 -c "
import json, sys
print(next((r['node'] for r in json.load(sys.stdin) if r['p_nr'] == $1), ''))"; }
free_slot() { [[ -z $(owner "$1") ]]; }
refused() { # NAME WORDS...: the command is refused for that reason
	local name=$1
	shift
	if timeout 30 "$@" >"$tmp/out" 2>&1; then
		fail "$* was done: $(<"$tmp/out")"
	elif ! grep -q "($name)" "$tmp/out"; then
		fail "$*: not $name: $(<"$tmp/out")"
	fi
}
done_or_fail() {
	timeout 30 "$@" >"$tmp/out" 2>&1 || fail "$*: $(<"$tmp/out")"
}

begin "a checkpoint leaves the process going on, and its calls whole"
server 0 10 2048
client 1 11 10 on 0.002
until_true 10 has_called 11 20 || fail "it does not call"
done_or_fail dvs checkpoint 0 10 "$image"
[[ -s $image ]] || fail "there is no file"
[[ $(stat -c %a "$image") == 600 ]] || fail "others may read it: $(stat -c %a "$image")"
done_or_fail dvs checkpoint 0 10 "$image" --go-on --json
python3 -c "
import json
d = json.load(open('$tmp/out'))
assert d['result'] == 'goes_on' and d['endpoint'] == 10 and d['file_bytes'] > 0 and d['stopped_ns'] > 0, d" || fail "json: $(<"$tmp/out")"
client_ok 11
compgen -G "$image.*" >/dev/null && fail "something is left: $(ls "$tmp")"
end

begin "an image says what is in it, and that it does not run beside its process"
done_or_fail dvs image "$image"
grep -q "endpoint 10 (migr_server)" "$tmp/out" || fail "whose? $(<"$tmp/out")"
grep -q "needs .*migr_server" "$tmp/out" || fail "its files? $(<"$tmp/out")"
grep -q "would not run on node 0: the process in the file still is endpoint 10" "$tmp/out" || fail "fits: $(<"$tmp/out")"
refused EDVSSLOTUSED dvs restore "$image"
refused EDVSSLOTUSED dvs restore "$image" 1
done_or_fail dvs stop 0 10
done_or_fail dvs image "$image" --json
python3 -c "
import json
d = json.load(open('$tmp/out'))
assert d['fits'] and d['needs'] and d['processes'] == 1 and d['threads'] == 1, d" || fail "json: $(<"$tmp/out")"
free_slot 10 || fail "a look has made something"
end

begin "the server goes on out of the file, on either node, and is called"
done_or_fail dvs restore "$image" 1
[[ $(owner 10) == 1 ]] || fail "it is on node $(owner 10)"
client 0 12 10 200 0
client_ok 12
refused EDVSSLOTUSED dvs restore "$image" 0
done_or_fail dvs migrate 0 10 0
done_or_fail dvs stop 0 10
done_or_fail dvs restore "$image" 0
client 1 12 10 200 0
client_ok 12
done_or_fail dvs stop 0 10
end

begin "as another endpoint, while its number is somebody else's"
server 1 10 16
done_or_fail dvs restore "$image" 0 --endpoint 14
[[ $(owner 14) == 0 ]] || fail "it is on node $(owner 14)"
client 1 12 14 200 0
client_ok 12
client 0 12 10 100 0
client_ok 12
done_or_fail dvs stop 0 14
done_or_fail dvs stop 0 10
end

begin "a process that ends with its checkpoint goes on from there"
counter 0 20
until_true 10 counts_past 20 10 || fail "it does not count"
done_or_fail dvs checkpoint 0 20 "$image" --stop
free_slot 20 || fail "the endpoint is bound still"
timeout 5 dvs ps 0 --all >"$tmp/out" 2>&1
grep -q "image in a file" "$tmp/out" || fail "how it ended: $(<"$tmp/out")"
done_or_fail dvs restore "$image" 1
until_true 10 counts_past 20 20 || fail "it does not go on: $(timeout 5 dvs logs 0 20 | tail -n 2)"
timeout 5 dvs logs 0 20 | grep -a '^count' | awk '$2 != NR { exit 1 }' || fail "it did not go on where it was"
end

begin "a number that is taken is named"
pid=$(timeout 5 dvs ps 0 --json | python3 -c "
import json, sys
print(next(r['vpid'] for r in json.load(sys.stdin) if r['p_nr'] == 20))")
refused EDVSBADPID dvs restore "$image" 1 --endpoint 21
grep -q "process number $pid is taken" "$tmp/out" || fail "not by its number: $(<"$tmp/out")"
free_slot 21 || fail "something is left"
done_or_fail dvs stop 0 20
end

begin "conversations that were under way end by name"
timeout 20 dvs -n 0 run 0 10 -- migr_server 0 10 16 >/dev/null || fail "server"
timeout 20 dvs lab exec 1 -- migr_client 0 12 10 4096 100000000 0.001 >"$tmp/cut" 2>&1 &
cut=$!
until_true 10 has_called 12 0 || fail "it does not call"
done_or_fail dvs checkpoint 0 10 "$image" --stop
wait "$cut"
grep -q 'lost=0 duplicated=0 reordered=0 corrupted=0' "$tmp/cut" || fail "the client: $(tail -n 2 "$tmp/cut")"
done_or_fail dvs restore "$image" 0
client 1 12 10 200 0
client_ok 12
done_or_fail dvs stop 0 10
end

begin "what is damaged, cut short, foreign or no image is refused before anything is made"
size=$(stat -c %s "$image")
refused EDVSINVAL dvs restore /etc/passwd
refused EDVSINVAL dvs image /dev/null
for at in 20 70 200 $((size / 2)) $((size - 1)); do
	python3 - "$image" "$tmp/bad" "$at" <<-'P'
		import sys
		data = bytearray(open(sys.argv[1], "rb").read())
		data[int(sys.argv[3])] ^= 4
		open(sys.argv[2], "wb").write(data)
	P
	refused EDVSIO dvs restore "$tmp/bad"
	refused EDVSIO dvs image "$tmp/bad"
done
head -c $((size - 30)) "$image" >"$tmp/bad"
refused EDVSIO dvs restore "$tmp/bad"
free_slot 10 || fail "something is left of one"
end

has_open() { # FILE: the process of endpoint 12 of DC 5 has it
	[[ $(readlink "/proc/$(timeout 5 dvs ps 5 --json | python3 -c '
import json, sys
print(next(r["lpid"] for r in json.load(sys.stdin) if r["p_nr"] == 12))')/fd/0") == "$1" ]]
}
begin "a user without root has images of its own processes, and of no others"
somebody=31337
as_somebody() { timeout 30 setpriv --reuid $somebody --regid $somebody --clear-groups --inh-caps=-all "$@"; }
install -d -o $somebody "$tmp/own"
chmod 711 "$tmp"
done_or_fail dvs dc create 5 --owner $somebody --group $somebody
as_somebody dvs -n 0 run 5 10 -- /bin/sleep 1000 >"$tmp/out" 2>&1 || fail "run: $(<"$tmp/out")"
as_somebody dvs -n 0 checkpoint 5 10 "$tmp/own/image" --stop >"$tmp/out" 2>&1 || fail "checkpoint: $(<"$tmp/out")"
[[ $(stat -c %u "$tmp/own/image") == "$somebody" ]] || fail "whose file is it?"
as_somebody dvs -n 0 checkpoint 0 10 "$tmp/own/other" >"$tmp/out" 2>&1 && fail "a checkpoint in a DC of root's"
[[ ! -e $tmp/own/other ]] || fail "a file is left"
as_somebody dvs -n 0 restore "$tmp/own/image" >"$tmp/out" 2>&1 || fail "restore: $(<"$tmp/out")"
[[ $(timeout 5 dvs ps 5 --json | python3 -c '
import json, os, sys
print(os.stat("/proc/%d" % json.load(sys.stdin)[0]["lpid"]).st_uid)') == "$somebody" ]] || fail "it has other rights"
done_or_fail dvs -n 0 stop 5 10
done_or_fail dvs -n 0 run 5 11 -- /bin/sleep 1000 # of root's
done_or_fail dvs checkpoint 5 11 "$tmp/own/root" --stop
chown $somebody "$tmp/own/root"
as_somebody dvs -n 0 restore "$tmp/own/root" >"$tmp/out" 2>&1 && fail "root's process was restored"
grep -q "EDVSPRIVILEGES" "$tmp/out" || fail "not for that: $(<"$tmp/out")"
as_somebody dvs -n 0 image "$tmp/own/root" >"$tmp/out" 2>&1 && fail "root's process was looked at"
# The number of a file may be another file's when the image is restored: its user opens no more than he may.
echo something >"$tmp/input"
as_somebody dvs -n 0 run 5 12 -- /bin/sh -c "exec sleep 1000 <$tmp/input" >"$tmp/out" 2>&1 || fail "run: $(<"$tmp/out")"
until_true 5 has_open "$tmp/input" || fail "it has not opened its file"
as_somebody dvs -n 0 checkpoint 5 12 "$tmp/own/reader" --stop >"$tmp/out" 2>&1 || fail "checkpoint: $(<"$tmp/out")"
chmod 600 "$tmp/input"
as_somebody dvs -n 0 restore "$tmp/own/reader" >"$tmp/out" 2>&1 && fail "a file that its user may not open"
grep -q "cannot open $tmp/input: Permission denied" "$tmp/out" || fail "not for that: $(<"$tmp/out")"
done_or_fail dvs -n 0 restore "$tmp/own/reader"
done_or_fail dvs dc rm 5 --force
end

begin "a full disk costs nothing"
mkdir "$tmp/small" && mount -t tmpfs -o size=64k none "$tmp/small" || fail "no small disk"
server 0 10 4096
timeout 30 dvs checkpoint 0 10 "$tmp/small/image" --stop >"$tmp/out" 2>&1 && fail "it fits into 64 KB"
grep -q "No space" "$tmp/out" || fail "not for that: $(<"$tmp/out")"
[[ -z $(ls "$tmp/small") ]] || fail "something is left: $(ls "$tmp/small")"
client 1 12 10 200 0
client_ok 12
umount "$tmp/small"
end

finish
