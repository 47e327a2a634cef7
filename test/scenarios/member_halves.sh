#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# alone
# timeout: 120
# cluster
#
# Machines on Corosync, two on each side of a cut: no side has a quorum, and both say so. And a machine that stood still
# for longer than the others wait: it finds out before it speaks.
. "$(dirname "$0")/lib.bash"
[[ -e $build/bin/dvs-corosync ]] && command -v corosync >/dev/null || exit 77
export DVS_LAB_GROUP=corosync

quorum() { [[ $(timeout 10 dvs -n "$1" nodes 2>/dev/null) == *"quorum: $2"* ]]; }
quorums() { # WORD NODE...
	local n
	for n in "${@:2}"; do quorum "$n" "$1" || return 1; done
}
whole() {
	local n
	for ((n = 0; n < nodes; n++)); do timeout 10 dvs -n "$n" nodes >"$tmp/out" 2>&1 || return 1; done
}
of_node() { # NODE: every process in its network
	local net pid
	net=$(readlink "/proc/$(daemon_pid "$1")/ns/net")
	for pid in $(pgrep -r D,R,S,T .); do
		[[ $(readlink "/proc/$pid/ns/net") != "$net" ]] || echo "$pid"
	done
}
between() { # cut | heal
	local a b
	for a in 0 1; do for b in 2 3; do timeout 10 dvs lab "$1" $a $b >/dev/null || fail "lab $1"; done; done
}

lab 4
begin "two halves: neither has a quorum, both say so and change nothing; messages within a half go on"
server 1 10 64
client 0 110 10 on 0.004
server 3 11 64
server 0 20 64
client 2 111 11 on 0.004
client 0 112 11 400 0.004
until_true 15 has_called 112 10 || fail "the client does not call"
between cut
until_true 10 quorums no 0 1 2 3 || fail "$(timeout 10 dvs -n 0 nodes 2>&1)"
calls0=$(timeout 10 dvs -n 0 ps --proc 0 --json | python3 -c 'import json,sys; print([r["rmtsent"] for r in json.load(sys.stdin) if r["p_nr"] == 110][0])')
for n in 0 3; do
	timeout 10 dvs -n $n nodes >/dev/null 2>"$tmp/err" && fail "node $n is well"
	grep -q 'no quorum.*EDVSNOCONN' "$tmp/err" || fail "node $n: $(<"$tmp/err")"
	for command in "run 0 21 -- sleep 9" "dc create 4" "migrate 0 $((n ? 11 : 20)) $((n ? 2 : 1))"; do
		timeout 10 dvs -n $n $command >/dev/null 2>"$tmp/err" && fail "node $n: $command was done"
		grep -q 'quorum.*EDVSNOCONN' "$tmp/err" || fail "node $n: $command: $(<"$tmp/err")"
	done
done
calls() { timeout 10 dvs -n 0 ps --proc 0 --json | python3 -c 'import json,sys; print([r["rmtsent"] for r in json.load(sys.stdin) if r["p_nr"] == 110][0])'; }
goes_on() { (($(calls) > calls0)); }
until_true 5 goes_on || fail "messages within a half do not go on"
end

begin "healed, all of it goes on: nothing has ended, and no call is lost"
between heal
until_true 20 whole || fail "$(<"$tmp/out")"
client_ok 110 111 112
move 10 2
check_tables 10=2 11=3 20=0
end

begin "a machine that stood still is out, and has ended what it had before it speaks"
server 0 12 64
client 3 113 12 1000000 0.001
until_true 15 has_called 113 20 || fail "the client does not call"
stale="$(lpid_of 11) ${client_pid[113]}"
before=$(timeout 10 dvs -n 0 nodes --json | python3 -c 'import json,sys; print([r["incarnation"] for r in json.load(sys.stdin)][3])')
stopped=$(of_node 3)
kill -STOP $stopped
without() { [[ $(rows_of 11) == "[]" && $(rows_of 113) == "[]" ]]; }
until_true 10 without || fail "the others do not go on: $(timeout 10 dvs nodes 2>&1)"
server 1 11 64 # the number is used again while it stands still
client 0 114 11 200 0.002
kill -CONT $stopped
for pid in $stale; do until_true 15 ended "$pid" || fail "process $pid of its former life runs on: $(tail -n 2 "$tmp/client.113"), $(ps -o pid,stat,wchan:20,args --ppid "$pid" | tail -n 1)"; done
client_ok 114
until_true 20 whole || fail "$(<"$tmp/out")"
after=$(timeout 10 dvs -n 0 nodes --json | python3 -c 'import json,sys; print([r["incarnation"] for r in json.load(sys.stdin)][3])')
((after > before)) || fail "incarnation $after after $before"
check_tables 10=2 11=1 12=0 20=0
server 3 13 64
move 13 0
check_tables 10=2 11=1 12=0 13=0 20=0
end
finish
