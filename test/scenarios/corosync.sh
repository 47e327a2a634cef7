#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# alone
# engines: corosync
# timeout: 240
#
# A lab on Corosync: what is decided is decided by a majority of its machines. A node that is cut off changes nothing and
# says so; when it is back, what it had has ended, and it is a new life of the node.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/corosync.bash"

lab 3
begin "the servers of the order have no capability and a filter"
for n in 0 1 2; do
	is_confined "$(of_node $n dvs-corosync)"
done
end

begin "a server moves while it is called"
server 1 10 2560
client 0 110 10 on 0.002
calling 110
move 10 2
move 10 0
client_ok 110
check_tables 10=0
end

begin "a daemon that is restarted stays in the group"
client 1 111 10 on 0.002
calling 111
for n in 0 1 2; do
	timeout 20 dvs -n $n restart >/dev/null 2>"$tmp/err" || fail "node $n: $(<"$tmp/err")"
done
client_ok 111
move 10 1
check_tables 10=1
end

begin "a minority changes nothing and keeps its local messages; the others go on"
server 2 12 64
client 2 112 12 20000 0.001
server 0 13 64
for n in 0 1; do timeout 10 dvs lab cut 2 $n >/dev/null || fail "lab cut"; done
until_true 10 quorum 2 no || fail "node 2 says nothing of its quorum"
timeout 10 dvs -n 2 run 0 20 -- migr_server 0 20 64 >"$tmp/out" 2>&1 && fail "node 2 bound an endpoint"
grep -q 'quorum' "$tmp/out" || fail "the refusal: $(<"$tmp/out")"
until_true 10 quorum 0 yes || fail "nodes 0 and 1 have no quorum"
server 0 14 64
before=$(wc -c <"$tmp/client.112")
kill -0 "${client_pid[112]}" || fail "the local client of node 2 ended: $(tail -n 1 "$tmp/client.112")"
stale=$(of_node 2 migr_server)
[[ $stale ]] || fail "the server of the minority does not run: ${before:-}"
end

begin "on healing the majority's state holds, and what the minority had has ended"
for n in 0 1; do timeout 10 dvs lab heal 2 $n >/dev/null || fail "lab heal"; done
until_true 20 whole || fail "the nodes do not find each other: $(timeout 10 dvs -n 2 nodes 2>&1)"
for pid in $stale; do ended "$pid" || fail "server $pid of the minority runs"; done
wait "${client_pid[112]}"
check_tables 10=1 13=0 14=0
server 2 15 64
move 15 0
check_tables 10=1 13=0 14=0 15=0
for ep in 13 14 15; do kill "$(lpid_of $ep)"; done
check_tables 10=1
end

begin "a Corosync that ends is a quorum that is lost, and is come back from"
kill -KILL $(of_node 0 corosync)
until_true 5 quorum 0 no || fail "node 0 says nothing of its quorum"
until_true 20 whole || fail "the nodes do not find each other: $(timeout 10 dvs -n 0 nodes 2>&1)"
check_tables 10=1
server 0 16 64
move 16 2
check_tables 10=1 16=2
end

# A majority that is there before the third node goes on without it: what that one had may have ended.
begin "all Corosyncs end at once: the cluster comes back by itself, and is of one mind"
kill -KILL $(of_node 0 corosync) $(of_node 1 corosync) $(of_node 2 corosync)
until_true 10 quorum 1 no || fail "node 1 has a quorum"
until_true 20 whole || fail "the nodes do not find each other: $(timeout 10 dvs -n 1 nodes 2>&1)"
until_true 5 of_one_mind || fail "tables: $(<"$tmp/tables")"
server 0 17 64
move 17 2
until_true 5 of_one_mind || fail "tables: $(<"$tmp/tables")"
end

begin "a node is killed and comes back"
timeout 20 dvs lab kill 2 >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
gone() { [[ $(rows_of 17) == '[]' ]]; }
until_true 10 gone || fail "endpoint 17 of the node is left"
timeout 20 dvs lab start 2 >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
until_true 20 whole || fail "the nodes do not find each other"
server 1 18 64
move 18 2
until_true 5 of_one_mind || fail "tables: $(<"$tmp/tables")"
end

begin "nothing is left of it"
timeout 30 dvs lab down >/dev/null 2>"$tmp/err" || fail "lab down: $(<"$tmp/err")"
for program in corosync dvs-corosync dvsd; do
	! pgrep -x "$program" >/dev/null || fail "$program runs"
done
left=$(ls /dev/shm) # of this world alone
[[ ! $left ]] || fail "memory that was shared with Corosync: ${left:0:200}"
end

begin "nothing is left of a Corosync that was killed, and of a node"
lab 3
of_killed=$(of_node 1 corosync | head -n 1)
kill -9 "$of_killed"
forgotten() { ! ls /dev/shm | grep -q -e "^qb-$1-" -e "^qb-corosync-$1-"; }
until_true 10 forgotten "$of_killed" || fail "of the killed one: $(ls /dev/shm | head)"
until_true 20 whole || fail "no whole lab"
of_killed=$(of_node 1 corosync | head -n 1)
timeout 30 dvs lab kill 1 >/dev/null || fail "lab kill"
forgotten "$of_killed" || fail "of the node: $(ls /dev/shm | head)"
timeout 30 dvs lab down >/dev/null 2>"$tmp/err" || fail "lab down: $(<"$tmp/err")"
left=$(ls /dev/shm)
[[ ! $left ]] || fail "of the lab: ${left:0:200}"
end
finish
