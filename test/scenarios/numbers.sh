#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
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
end
begin "a slot of a classic container that cannot serve is warned of"
timeout 10 dvs dc create 2 --classic >/dev/null || fail "dc create --classic"
timeout 10 dvs run 2 100 -- true >/dev/null 2>"$tmp/err" || fail "run in a classic DC"
grep -q classic "$tmp/err" || fail "no warning that slot 100 of a classic DC cannot serve"
end
finish
