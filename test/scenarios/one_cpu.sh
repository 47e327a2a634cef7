#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# alone
#
# Two processes on one CPU hand it over at once, on machines of any speed: a call takes two switches and
# two system calls, whatever costs the daemon has measured. Switches are counted; the time is that of a
# round trip over pipes, which makes as many, or less.
. "$(dirname "$0")/lib.bash"
cpu=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
calls=20000

turns() { timeout 30 dvs lab exec 0 -- taskset -c "$cpu" "$build/test/conformance/one_cpu" 0 20 $calls; }
few() { # LINE: 2 of each are needed; others may run on this CPU too
	awk -v line="$1" 'BEGIN {
		split(line, word, /[ =]/)
		exit !(word[1] == "calls" && word[4] >= 0.5 && word[4] <= 2.5 && word[6] <= 2.5 && word[8] > 0.1 && word[8] <= 1.5)
	}'
}

# The last ones are machines on which a yield that switches and one that does not take nearly the same time.
for costs in 30% 100% 300% 60,400,2000 900,1000,90000 20000,100000,200000; do
	begin "a call on one CPU takes two switches and two system calls with costs of $costs"
	DVS_COSTS=$costs
	export DVS_COSTS
	lab 1
	good=
	for _ in 1 2 3; do
		seen=$(turns) || fail "the calls failed: $seen"
		timeout 10 dvs dc rm 0 >/dev/null && timeout 10 dvs dc create 0 >/dev/null
		few "$seen" && good=1 && break
	done
	[[ $good ]] || fail "$seen"
	end
done
finish
