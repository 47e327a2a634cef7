#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# cluster
# engines: local corosync
#
# A daemon is stopped, and nobody continues it. Its keeper ends it after a while, and the next daemon goes on. If the
# group has gone on without the node meanwhile, then what runs there is ended, and none of it is heard.
. "$(dirname "$0")/lib.bash"

replaced() { # NODE FORMER
	local now
	now=$(daemon_pid "$1") && [[ $now && $now != "$2" ]]
}
well() { timeout 10 dvs -n "$1" nodes >"$tmp/out" 2>&1; }
of_network() { # NODE NAME: its processes in the network of a node
	local net pid
	net=$(readlink "/proc/$(keeper_pid "$1")/ns/net")
	for pid in $(pgrep -x "$2"); do
		[[ $(readlink "/proc/$pid/ns/net") != "$net" ]] || echo "$pid"
	done
}

lab 3
begin "a daemon that is stopped for good is replaced, and nothing of its node ends"
server 1 10 64
server 0 11 64
client 0 110 10 400 0.01
client 1 111 11 400 0.01
client 1 112 10 on 0.005
for ep in 110 111; do until_true 15 has_called $ep 20 || fail "client $ep does not call"; done
stopped=$(daemon_pid 1)
kill -STOP "$stopped"
until_true 20 replaced 1 "$stopped" || fail "its keeper does not end it"
client_ok 110 111 112
for n in 0 1 2; do until_true 10 well $n || fail "node $n: $(<"$tmp/out")"; done
check_tables 10=1 11=0
move 10 2
end

# The deputy is the one that the group sees. Without it the node is out, and its daemon cannot hear that.
if [[ ${DVS_LAB_GROUP:-local} == corosync ]]; then
	begin "a node that is put out while its daemon is stopped is ended, and nothing of it is heard"
	server 2 12 64
	client 2 113 12 1000000 0.002
	client 0 114 10 on 0.005
	calls() { timeout 10 dvs -n 2 ps 0 --json | python3 -c 'import json,sys
sys.exit(not any(r["p_nr"] == 113 and r["lclsent"] > 20 for r in json.load(sys.stdin)))'; }
	until_true 15 calls || fail "the client of node 2 does not call"
	move 10 0
	stale="$(lpid_of 12) ${client_pid[113]}"
	stopped=$(daemon_pid 2)
	kill -STOP "$stopped"
	kill -KILL $(of_network 2 dvs-corosync)
	without() { [[ $(rows_of 12) == "[]" && $(rows_of 113) == "[]" ]]; }
	until_true $((2 + detector)) without || fail "the others do not go on: $(timeout 10 dvs -n 0 nodes 2>&1)"
	server 1 12 64 # the number is used again while the former one runs
	client 0 115 12 300 0.01
	for pid in $stale; do until_true 25 ended "$pid" || fail "process $pid of the node that is out runs on"; done
	client_ok 114 115
	for n in 0 1 2; do until_true 20 well $n || fail "node $n: $(<"$tmp/out")"; done
	check_tables 10=0 11=0 12=1
	server 2 13 64
	move 13 1
	check_tables 10=0 11=0 12=1 13=1
	end
fi
finish
