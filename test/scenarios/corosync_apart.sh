#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# cluster
# engines: corosync
#
# All machines lose each other at one time: nobody has gone on meanwhile, so nobody is put out when they come together,
# in whatever order they do. One that comes and goes is put out at most, and disturbs nobody.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/corosync.bash"

lives() { cat "/proc/$(lpid_of 10)/stat" "/proc/$(lpid_of 11)/stat" "/proc/$(lpid_of 12)/stat" 2>/dev/null | awk '{ print $1 }'; }
# All at one time, as a switch that is off for a moment: no two are a majority for longer than the third.
switch() { # up|down
	nsenter -t "$(timeout 10 dvs lab status --json | field switch)" -n ip link set dvs0 "$1" || fail "no switch"
}
fall_apart() { # all of them; nodes 0 and 1 come together first
	switch down
	cut 0 2
	cut 1 2
	for n in 0 1 2; do until_true 10 quorum $n no || fail "node $n has a quorum"; done
	switch up
}
cut() { timeout 10 dvs lab cut "$1" "$2" >/dev/null || fail "lab cut"; }
heal() { timeout 10 dvs lab heal "$1" "$2" >/dev/null || fail "lab heal"; }

lab 3
for n in 0 1 2; do server $n 1$n 64; done
client 0 110 11 800 0.02
client 1 111 12 800 0.02
client 2 112 10 800 0.02
before=$(lives)

begin "all Corosyncs are killed at one time: nobody is put out"
kill -KILL $(all_corosyncs)
until_true 10 quorum 1 no || fail "node 1 has a quorum"
be_whole
[[ $(lives) == "$before" ]] || fail "a server has ended"
move 10 1
move 10 0
end
before=$(lives)

begin "machines that lost each other come together one by one: nobody is put out"
fall_apart
sleep 1.5
quorum 0 no || fail "two nodes went on without waiting for the third"
heal 0 2
heal 1 2
be_whole
[[ $(lives) == "$before" ]] || fail "a server has ended"
move 11 0
move 11 1
client_ok 110 111 112
check_tables 10=0 11=1 12=2
end

begin "two that waited in vain for the third go on without it"
fall_apart
until_true 25 quorum 0 yes || fail "nodes 0 and 1 have no quorum"
server 0 13 64
heal 0 2
heal 1 2
be_whole 2
until_true 5 of_one_mind || fail "tables: $(<"$tmp/tables")"
check_tables 10=0 11=1 13=0
end

begin "a node that comes and goes disturbs nobody"
client 0 113 11 400 0.02
for _ in {1..5}; do
	cut 2 0
	cut 2 1
	sleep 0.$((RANDOM % 9 + 1))
	heal 2 0
	heal 2 1
	sleep 0.$((RANDOM % 9 + 1))
done
move 10 1
client_ok 113
be_whole 2
until_true 5 of_one_mind || fail "tables: $(<"$tmp/tables")"
check_tables 10=1 11=1 13=0
end

# Each machine may think otherwise of the others, and it may change while the cable is so.
begin "a cable that works one way only: whatever is put out, one process is left of each, where all say that it is"
server 2 14 64
client 1 114 10 200 0.02
timeout 10 dvs lab exec 0 -- ip route add blackhole 10.77.0.3/32 || fail "no route"
not_whole() { ! whole; }
until_true 15 not_whole || fail "nobody sees it"
sleep $((2 * detector))
timeout 10 dvs lab exec 0 -- ip route del blackhole 10.77.0.3/32 || fail "no route"
be_whole 2
until_true 5 of_one_mind || fail "tables: $(<"$tmp/tables")"
wait "${client_pid[114]}"
check_processes migr_server $(timeout 10 dvs -n 0 ps --proc 0 --json | python3 -c 'import json,sys
print(*sorted(r["node"] for r in json.load(sys.stdin) if r["name"] == "migr_server"))')
server 0 15 64
move 15 2
end
finish
