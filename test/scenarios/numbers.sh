#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# A number is an address: the same in every life, nobody's where no slot has it; what is so may be said again.
. "$(dirname "$0")/lib.bash"
lab 2

begin "a failed run uses nothing up, and each life has the same number"
for node in 0 1 0 1; do
	out=$(timeout 10 dvs -n $node run 0 60 -- /no/such/program 2>&1) && fail "a program that is not there was run"
	[[ $out != *SLOTUSED* ]] || fail "a failed run used the slot up: $out"
	out=$(timeout 10 dvs -n $node run 0 60 --wait -- true 2>&1) || fail "on node $node: $out"
	[[ $out == *endpoint=60\ * ]] || fail "life on node $node: $out"
done
end
begin "every slot may serve, and a number that no slot has names nobody"
timeout 10 dvs run 0 200 -- sleep 100 >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
[[ ! -s $tmp/err ]] || fail "a slot that may serve is warned of: $(<"$tmp/err")"
for number in 35770 -900 300 106910; do
	timeout 10 dvs migrate 0 $number 1 >/dev/null 2>&1 && fail "migrate of $number"
	timeout 10 dvs logs 0 $number >/dev/null 2>&1 && fail "logs of $number"
	timeout 10 dvs run 0 $number -- true >/dev/null 2>&1 && fail "run of $number"
	timeout 10 dvs_migrate -s 0 $number >/dev/null 2>&1 && fail "dvs_migrate -s of $number"
done
end
begin "a step by hand may be said again, on any node"
for step in -s -s -r -r; do
	for node in 0 1; do
		DVS_NODE=$node timeout 10 dvs_migrate $step 0 200 || fail "$step on node $node"
	done
done
for node in 0 1; do
	DVS_NODE=$node timeout 10 dvs_migrate -r 0 200 || fail "a rollback said again on node $node"
done
timeout 20 dvs migrate 0 200 1 >/dev/null || fail "it does not move"
for node in 0 1; do
	DVS_NODE=$node timeout 10 dvs_migrate -r 0 200 2>"$tmp/err" && fail "a committed move is rolled back"
	grep -q 'committed.*EDVSMIGRATE' "$tmp/err" || fail "$(<"$tmp/err")"
	DVS_NODE=$node timeout 10 dvs_migrate -c 0 200 1 || fail "a commit said again on node $node"
	DVS_NODE=$node timeout 10 dvs_migrate -c 0 200 0 2>/dev/null && fail "a commit to the other node"
done
end
begin "a slot of a classic container that cannot serve is warned of"
timeout 10 dvs dc create 2 --classic >/dev/null || fail "dc create --classic"
timeout 10 dvs run 2 100 -- true >/dev/null 2>"$tmp/err" || fail "run in a classic DC"
grep -q classic "$tmp/err" || fail "no warning that slot 100 of a classic DC cannot serve"
end

# Node 0 hears of each command 50 ms after the others: what was done on node 1 is asked of it at once.
begin "a node that is behind the order refuses nothing that is so by now"
lab 2
timeout 10 dvs lab kill 0 >/dev/null
DVS_FAULT=order-late timeout 20 dvs lab start 0 >/dev/null || fail "no late node"
on() { timeout 20 dvs -n "$@" >"$tmp/out" 2>&1 || fail "node $*: $(<"$tmp/out")"; }
free_on_1() { [[ $(timeout 10 dvs -n 1 ps --proc 0 --json | python3 -c 'import json, sys
print(*[r["node"] for r in json.load(sys.stdin) if r["p_nr"] == int(sys.argv[1])])' "$1") == "" ]]; }
for round in 1 2 3; do
	on 1 run 0 70 -- sleep 1000
	on 0 logs 0 70
	on 1 run 0 71 -- sleep 1000
	on 0 kill 0 71 --signal CONT
	on 1 stop 0 71
	until_true 5 free_on_1 71 || fail "71 has not ended"
	on 0 run 0 71 -- sleep 1000
	on 0 stop 0 71
	on 1 run 0 72 -- sleep 1000
	on 0 migrate 0 72 0
	on 1 run 0 73 -- sleep 1000
	DVS_NODE=0 timeout 10 dvs_migrate -s 0 73 2>"$tmp/err" || fail "start: $(<"$tmp/err")"
	DVS_NODE=1 timeout 10 dvs_migrate -r 0 73 2>"$tmp/err" || fail "rollback: $(<"$tmp/err")"
	on 1 run 0 74 -- migr_server 0 74 16
	timeout 20 dvs lab exec 0 -- migr_client 0 75 74 64 5 0 >"$tmp/out" 2>&1 || fail "client: $(tail -n 1 "$tmp/out")"
	on 1 dc create 7
	on 0 run 7 10 -- sleep 1000
	on 1 dc rm 7 --force
	on 0 dc create 7
	on 1 dc rm 7
	for command in "dvs logs 7 10" "dvs kill 7 10" "dvs migrate 7 10 0" "dvs_migrate -s 7 10"; do
		on 1 dc create 7
		DVS_NODE=0 timeout 20 $command >"$tmp/out" 2>"$tmp/err" && fail "$command: done"
		grep -q 'EDVSNOTBIND\|EDVSBADPROC' "$tmp/err" || fail "$command: $(<"$tmp/err")"
		on 0 dc rm 7
	done
	for slot in 70 72 73 74; do on 1 stop 0 $slot; done
	until_true 5 free_on_1 74 || fail "74 has not ended"
done
end
finish
