#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# A daemon is restarted under what runs on its node: local pairs do not notice, remote ones wait for a
# moment, nothing is lost, and whatever stands in the way leaves the node as it was.
#
#	node 0           node 1 (restarted)            node 2
#	client 11        server 10, client 12          client 13
#	logs -f 20       server 14 <- client 15        run --wait 21 on node 1
. "$(dirname "$0")/lib.bash"

# An installation of its own, whose daemon can be taken away and replaced.
mkdir -p "$tmp/bin" "$tmp/lib"
cp -L "$build"/bin/{dvs,dvsd,dvs-sequencer,dvs-shell,migr_server,migr_client} "$tmp/bin/"
[[ ! -e $build/bin/dvs-corosync ]] || cp -L "$build/bin/dvs-corosync" "$tmp/bin/"
cp -L "$build"/lib/libdvk.so* "$tmp/lib/"
export PATH="$tmp/bin:$PATH"
# What upgrades do: the old file is another one from then on.
install_daemon() { # FILE
	cp "$1" "$tmp/bin/dvsd.new" && mv "$tmp/bin/dvsd.new" "$tmp/bin/dvsd"
}
cp "$tmp/bin/dvsd" "$tmp/dvsd.good"

restart() { # NODE
	timeout 20 dvs -n "$1" restart --json >"$tmp/restarted" 2>"$tmp/err" ||
		fail "restart of node $1: $(<"$tmp/err")"
}
refused() { # NODE WORDS ERROR
	timeout 20 dvs -n "$1" restart >"$tmp/out" 2>"$tmp/err" && fail "node $1 was restarted"
	grep -q "$2.*($3)" "$tmp/err" || fail "not refused for \"$2\" ($3): $(<"$tmp/err")"
}
counts() { # a program that counts until it is told to stop, and then ends with 7
	# shellcheck disable=SC2016 # for the shell that is started
	echo 'i=0; while [ ! -e '"$tmp/stop"' ]; do echo $i; i=$((i+1)); sleep 0.05; done; exit 7'
}
whole() { # FILE: all numbers from 0 on, each once
	local last
	last=$(tail -n 1 "$1")
	((${last:-0} > 20)) && cmp -s "$1" <(seq 0 "$last")
}

lab 3
begin "twenty restarts under calls from all nodes: none is lost, no process ends"
server 1 10 512
server 1 14 0
pid=$(keeper_pid 1) lpid=$(lpid_of 10)
client 0 11 10 on 0.003
client 1 12 10 on 0.003
client 2 13 10 on 0.003 65536
client 1 15 14 on 0.001 0
timeout "$limit" dvs -n 1 run 0 20 -- sh -c "$(counts)" >/dev/null || fail "run 20"
timeout "$limit" dvs -n 0 logs 0 20 -f >"$tmp/followed" 2>"$tmp/err.20" &
follower=$!
timeout "$limit" dvs -n 1 run 0 21 --wait -- sh -c "$(counts)" >"$tmp/attended" 2>"$tmp/err.21" &
attendant=$!
for _ in {1..20}; do
	sleep 0.1
	restart 1
	[[ -v fds ]] || fds=$(daemon_fds 1)
done
[[ $(field restarts <"$tmp/restarted") == 20 ]] || fail "not the 20th: $(<"$tmp/restarted")"
[[ $(keeper_pid 1) == "$pid" && $(lpid_of 10) == "$lpid" ]] || fail "pids have changed"
client_ok 11 12 13 15
end

begin "who follows a process stays attached, here and from another node"
touch "$tmp/stop"
wait "$attendant"
status=$?
((status == 7)) || fail "run --wait ended with $status: $(<"$tmp/err.21")"
grep -v lpid "$tmp/attended" >"$tmp/said"
whole "$tmp/said" || fail "run --wait: $(tr '\n' ' ' <"$tmp/attended")"
wait "$follower" || fail "logs -f: $(<"$tmp/err.20")"
whole "$tmp/followed" || fail "logs -f: $(tr '\n' ' ' <"$tmp/followed")"
timeout 10 dvs -n 1 logs 0 20 >"$tmp/kept"
whole "$tmp/kept" || fail "the log of an ended process is not kept"
end

begin "nothing is left over, and a restarted node is left and entered as any other"
until_true 3 eval "((\$(daemon_fds 1) <= $fds + 2))" || fail "$fds descriptors have become $(daemon_fds 1)"
check_tables 10=1 14=1
move 10 2
move 10 1
restart 1
move 14 0 # with the page of a client that has ended, of which no list says anything
restart 0
check_tables 10=1 14=0
client 2 16 10 100 0.001
client 1 17 14 100 0.001 0
client_ok 16 17
end

begin "who asks while a node is restarted is answered, and a restarted node can be killed"
for _ in 1 2 3; do
	timeout 20 dvs -n 1 restart >/dev/null 2>&1 &
	sleep 0.015
	move 10 2
	wait $!
	timeout 20 dvs -n 2 restart >/dev/null 2>&1 &
	sleep 0.015
	move 10 1
	wait $!
done
timeout 10 dvs -n 2 run 0 22 -- migr_server 0 22 64 >/dev/null || fail "run 22"
restart 2
timeout 10 dvs lab kill 2 >/dev/null || fail "lab kill"
await_death 0 2
await_death 1 2
check_tables 10=1 14=0
check_processes migr_server 0 1
timeout 20 dvs lab start 2 >/dev/null || fail "lab start"
end

begin "a program file that is not there, or not to be executed, changes nothing"
client 0 18 10 500 0.003
mv "$tmp/bin/dvsd" "$tmp/dvsd.away"
refused 1 "cannot be executed: No such file" EDVSNOEXEC
cp "$tmp/dvsd.good" "$tmp/bin/dvsd"
chmod -x "$tmp/bin/dvsd"
refused 1 "cannot be executed: Permission denied" EDVSNOEXEC
printf '#!/bin/sh\nrm "$0"\n' >"$tmp/liar"
chmod +x "$tmp/liar"
install_daemon "$tmp/liar" # takes the state, and is gone when it is to be executed
refused 1 "could not be executed: No such file.*goes on as before" EDVSNOEXEC
end

begin "a program of another version is refused before the old one is gone"
install_daemon "$build/src/node/dvsd_of_another_version"
version=$("$tmp/dvsd.good" --version | sed 's/.*handover \([0-9]*\),.*/\1/')
refused 1 "would not take over.*state is of version $version and this program takes version 1000" EDVSPROTONOSUPPORT
printf '#!/bin/sh\nexit 2\n' >"$tmp/mute"
chmod +x "$tmp/mute"
install_daemon "$tmp/mute"
refused 1 "would not take over.*without a word" EDVSPROTONOSUPPORT
install_daemon "$tmp/dvsd.good"
restart 1
client_ok 18
end

begin "two restarts at once: each is done or refused by name"
for i in 1 2 3; do
	timeout 20 dvs -n 1 restart >"$tmp/at-once.$i" 2>&1 &
	pids[i]=$!
done
done=0
for i in 1 2 3; do
	if wait "${pids[i]}"; then done=$((done + 1)); else grep -q "EDVSRSCBUSY" "$tmp/at-once.$i" ||
		fail "$(<"$tmp/at-once.$i")"; fi
done
((done)) || fail "none was done"
end

timeout 30 dvs lab down >/dev/null
export DVS_FAULT=source-frozen:stop
lab 3
unset DVS_FAULT
begin "a restart while a process is on its way is refused, at both ends, and the move goes on"
server 1 10 64
client 0 11 10 200 0.003
timeout 20 dvs migrate 0 10 2 --json >"$tmp/moved" 2>&1 &
mover=$!
until_true 5 grep -q "fault point" /run/dvs/lab/node1.log || fail "it does not move"
refused 1 "on its way" EDVSMIGRATE
if timeout 20 dvs -n 2 restart >/dev/null 2>"$tmp/err"; then
	until_true 1 ended "$mover" || fail "node 2 was restarted" # else it was over by then
else
	grep -q "on its way.*(EDVSMIGRATE)" "$tmp/err" || fail "node 2: $(<"$tmp/err")"
fi
wait "$mover" || fail "migrate: $(<"$tmp/moved")"
client_ok 11
restart 2
check_tables 10=2
end

# On Corosync there is none; what the group does without a quorum is for the scenario corosync.
if [[ ${DVS_LAB_GROUP:-local} == local ]]; then
begin "without the group's sequencer a restart is done, and messages go on"
client 0 12 10 300 0.003
client 2 13 10 300 0.003
kill -KILL "$(timeout 10 dvs lab status --json | field sequencer)"
until_true 5 grep -q "the group is lost" /run/dvs/lab/node2.log || fail "nobody noticed"
restart 2
restart 0
client_ok 12 13
timeout 10 dvs -n 2 run 0 30 -- sleep 1 >"$tmp/out" 2>&1 && fail "bound without a quorum"
grep -q EDVSNOCONN "$tmp/out" || fail "$(<"$tmp/out")"
end
fi

begin "lab down leaves nothing of restarted daemons behind"
timeout 30 dvs lab down >/dev/null 2>"$tmp/err" || fail "lab down: $(<"$tmp/err")"
left=$(find /proc -maxdepth 2 -name exe -lname "$tmp/bin/*" 2>/dev/null | wc -l)
((left == 0)) || fail "$left programs are left"
end
finish
