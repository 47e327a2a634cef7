#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# cluster
#
# The members of a lab while links flap, work one way only, or end at a daemon or node that stands still: messages wait,
# and none is lost or given twice.
. "$(dirname "$0")/lib.bash"

well() { timeout 10 dvs -n "$1" nodes >"$tmp/out" 2>&1; }
not_well() { ! well "$1"; }
# Every process in the network of a node, the daemon's and those that run there.
of_node() { # NODE
	local net pid
	net=$(readlink "/proc/$(daemon_pid "$1")/ns/net")
	for pid in $(pgrep -r D,R,S,T . ); do
		[[ $(readlink "/proc/$pid/ns/net") != "$net" ]] || echo "$pid"
	done
}

lab 3
begin "a link that flaps every 200 ms loses nothing and gives nothing twice"
server 1 10 64
client 0 110 10 on 0.004
client 2 111 10 on 0.004
for _ in {1..8}; do
	timeout 10 dvs lab cut 0 1 >/dev/null || fail "lab cut"
	sleep 0.2
	timeout 10 dvs lab heal 0 1 >/dev/null || fail "lab heal"
	sleep 0.2
done
client_ok 110 111
move 10 2
check_tables 10=2
end

begin "a link that works one way only is silent on both sides, and calls wait for it"
client 0 112 10 400 0.002
until_true 15 has_called 112 20 || fail "the client does not call"
cut_one_way 0 2
until_true 8 not_well 0 || fail "node 0: $(<"$tmp/out")"
grep -q 'node 2 is down.*EDVSNOTCONN' "$tmp/out" || fail "node 0: $(<"$tmp/out")"
until_true 8 not_well 2 || fail "node 2: $(<"$tmp/out")"
well 1 || fail "node 1: $(<"$tmp/out")"
heal_one_way 0 2
client_ok 112
until_true 5 well 0 || fail "node 0: $(<"$tmp/out")"
end

begin "a daemon that is stopped for longer than its links live, and a node with all that runs on it, lose nothing"
server 1 13 64
server 2 12 64
client 0 113 10 400 0.002
client 2 114 12 on 0.005
client 0 115 13 400 0.002
for ep in 113 115; do until_true 15 has_called $ep 20 || fail "client $ep does not call"; done
pid=$(daemon_pid 2)
# A machine that stands still as a whole is out for Corosync: member_halves shows that.
[[ ${DVS_LAB_GROUP:-local} == local ]] && stopped=$(of_node 1) || stopped=$(daemon_pid 1)
kill -STOP "$pid" $stopped
knows() { not_well 0 && grep -q 'link to node 1 is down.*EDVSNOTCONN' "$tmp/out" && [[ $(<"$tmp/out") == *" node2 "*" down "* ]]; }
until_true 9 knows || fail "node 0: $(<"$tmp/out")"
kill -0 "${client_pid[114]}" 2>/dev/null || fail "local calls of node 2 do not go on: $(tail -n 1 "$tmp/client.114")"
kill -CONT "$pid" $stopped
client_ok 113 114 115
for n in 0 1 2; do until_true 5 well $n || fail "node $n: $(<"$tmp/out")"; done
move 10 1
check_tables 10=1 12=2 13=1
end
finish
