#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# The cluster's key is exchanged under calls that go on, and a process moves at each step. The nodes change one after the
# other, and afterwards the first key is of no use.
. "$(dirname "$0")/lib.bash"
key=/run/dvs/lab/key
lab 2
server 1 10 64
first=$(dvs key show $key | cut -d ' ' -f 2)

begin "three steps of dvs key rotate under calls lose nothing"
client 0 20 10 3000 0.001
for step in next old ""; do
	timeout 10 dvs key rotate $key >"$tmp/out" 2>&1 || fail "rotate: $(<"$tmp/out")"
	[[ $(sed -n '2s/ .*//p' "$tmp/out") == "$step" ]] || fail "after a step: $(<"$tmp/out")"
	for node in 0 1; do
		timeout 20 dvs -n $node restart >"$tmp/out" 2>&1 || fail "restart of $node: $(<"$tmp/out")"
	done
	move 10 $((1 - $(owner 10)))
done
client_ok 20
[[ $(dvs key show $key | wc -l) == 1 && $(dvs key show $key) != *$first* ]] || fail "$(dvs key show $key)"
grep -h 'was refused' /run/dvs/lab/node*.log | grep -v 'another life' >"$tmp/refused" && fail "$(head -n 2 "$tmp/refused")"
end
finish
