#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# cluster
# engines: corosync
#
# A Corosync or a deputy that hangs or ends is a quorum that its node has lost, and nobody has to start a daemon for it.
# Local calls go on meanwhile, and the calls between other nodes as well.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/corosync.bash"

calls_go_on() { # EP
	local before
	before=$(timeout 10 dvs -n 2 ps 0 --json | rmtsent_of "$1")
	until_true 3 has_called_on_2 "$1" "$before" || fail "the client at $1 does not call"
}
rmtsent_of() { python3 -c 'import json,sys
print(next((r["lclsent"] for r in json.load(sys.stdin) if r["p_nr"]==int(sys.argv[1])), 0))' "$1"; }
has_called_on_2() {
	local now
	now=$(timeout 10 dvs -n 2 ps 0 --json | rmtsent_of "$1")
	((now > $2))
}
says() { grep -q "$2" "/run/dvs/lab/node$1.log"; }

lab 3
server 1 10 64
client 0 110 10 on 0.02
server 2 12 64
client 2 112 12 1000000 0.002
keeper=$(keeper_pid 2)

begin "a deputy that hangs is a lost quorum, and the same life of the node goes on when it does"
server12=$(lpid_of 12)
kill -STOP $(of_node 2 dvs-corosync)
until_true 6 quorum 2 no || fail "node 2 says nothing of its quorum"
calls_go_on 112
timeout 10 dvs -n 2 run 0 20 -- migr_server 0 20 64 >"$tmp/out" 2>&1 && fail "node 2 bound an endpoint"
grep -q 'no quorum' "$tmp/out" || fail "the refusal: $(<"$tmp/out")"
server 0 14 64
kill -CONT $(of_node 2 dvs-corosync)
be_whole 2
check_tables 10=1 12=2 14=0 110=0 112=2
ended "$server12" && fail "server 12 has ended"
end

begin "a Corosync that hangs is a lost quorum; its node begins anew when it goes on"
hung=$(of_node 2 corosync)
kill -STOP $hung
until_true 8 quorum 2 no || fail "node 2 says nothing of its quorum"
calls_go_on 112
server 0 15 64
kill -CONT $hung
until_true 10 ended "$server12" || fail "server 12 of the minority runs"
be_whole 2
until_true 5 of_one_mind || fail "tables: $(<"$tmp/tables")"
wait "${client_pid[112]}"
check_tables 10=1 14=0 15=0 110=0
end

begin "a deputy that is killed is started again, and its daemon joins by a snapshot"
client_ok 110
server 2 12 64
client 2 112 12 1000000 0.002
client 0 113 10 200 0.02
sleep 0.3
kill -KILL $(of_node 2 dvs-corosync)
until_true 5 says 2 "dvs-corosync has ended" || fail "node 2 says nothing of it"
until_true 10 says 2 "begins a new life" || fail "node 2 does not begin anew"
be_whole 2
[[ $(keeper_pid 2) == "$keeper" ]] || fail "node 2 was started anew"
until_true 5 of_one_mind || fail "tables: $(<"$tmp/tables")"
wait "${client_pid[112]}"
client_ok 113
check_tables 10=1 14=0 15=0
server 2 16 64
move 16 0
check_tables 10=1 14=0 15=0 16=0
end

# As `systemctl restart corosync` does it: one is told to end, and the next one is there at once.
begin "a Corosync that is restarted leaves a node that comes back by itself"
client 0 114 10 400 0.02
for how in TERM tool; do
	old=$(of_node 2 corosync)
	world=$(ps -o ppid= -p "$old")
	if [[ $how == tool ]]; then
		timeout 10 dvs lab exec 2 -- corosync-cfgtool -H --force >/dev/null || fail "corosync-cfgtool"
	else
		kill -TERM "$old"
	fi
	until_true 10 ended "$old" || fail "Corosync does not end"
	nsenter -t ${world// /} -m -n corosync -f -c /run/corosync.conf >/dev/null 2>&1 &
	without_2() { ! whole; }
	until_true 10 without_2 || fail "nobody sees that it was away"
	be_whole 2
	server 2 17 64
	move 17 1
	kill "$(lpid_of 17)"
	until_true 5 eval '[[ $(rows_of 17) == "[]" ]]' || fail "endpoint 17 does not end"
done
client_ok 114
[[ $(keeper_pid 2) == "$keeper" ]] || fail "node 2 was started anew"
until_true 5 of_one_mind || fail "tables: $(<"$tmp/tables")"
check_tables 10=1 14=0 15=0 16=0
end
finish
