#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# alone
# timeout: 180
#
# A move costs in proportion to what the process has: ten times as many files, threads or mappings take at most
# fourteen times as much of the daemons' CPU time. How long the process stands is measured by `make bench`; the
# CPU time is nearly the same on a machine that is busy.
. "$(dirname "$0")/lib.bash"
standing=$build/test/bench/standing

cpu_ticks() {
	local node
	for node in 0 1; do
		awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$(daemon_pid $node)/stat"
	done | awk '{ sum += $1 } END { print sum }'
}
is_ready() { timeout 10 dvs logs 0 12 | grep -q ready; }
free() { [[ $(rows_of 12) == "[]" ]]; }

# Hundredths of a tick of CPU time for a move of such a process, in $cost.
cost_of() { # MOVES WORDS...
	local before i node
	timeout 20 dvs run 0 12 -- "$standing" "${@:2}" >/dev/null 2>"$tmp/err" || { fail "${*:2}: $(<"$tmp/err")"; return; }
	until_true 20 is_ready || fail "${*:2}: not ready"
	before=$(cpu_ticks)
	for ((i = 1; i <= $1; i++)); do
		timeout 60 dvs migrate 0 12 $((i % 2)) >/dev/null 2>"$tmp/err" || fail "${*:2}: $(<"$tmp/err")"
	done
	cost=$((($(cpu_ticks) - before) * 100 / $1))
	timeout 10 dvs kill 0 12 >/dev/null
	until_true 10 free || fail "${*:2}: does not end"
}

lab 2
mkdir "$tmp/files"
chmod 755 "$tmp" "$tmp/files"
while read -r what few many folder; do
	begin "$many $what cost at most 14 times what $few cost"
	cost_of 20 "$what" "$few" ${folder:+"$tmp/files"}
	little=$cost
	cost_of 4 "$what" "$many" ${folder:+"$tmp/files"}
	((little && cost <= 14 * little)) || fail "$cost after $little"
	end
done <<'LIST'
threads 100 1000
mappings 1000 10000
files 400 4000 folder
LIST
finish
