# SPDX-License-Identifier: Apache-2.0
# Shared by the scenarios with programs that write the numbers from 1 on into a file, one a line, all the time; sourced, not
# run. A scenario in whose file other things stand beside them has a numbers_in of its own.
numbers_in() { cat "$1"; } # FILE
is_counted() {
	numbers_in "$1" >"$tmp/numbers"
	[[ -s $tmp/numbers ]] && seq "$(wc -l <"$tmp/numbers")" | cmp -s - "$tmp/numbers"
}
has_more() { [[ -s $1 ]] && (($(numbers_in "$1" | wc -l) > $2)); }
goes_on() { until_true 5 has_more "$1" "$(($(numbers_in "$1" | wc -l) + 5))" || fail "$1 ends with $(tail -n 1 "$1")"; }

# Asked for again where the move meets the program between two of its steps, or while a step starts and ends.
moves_to() { # EP NODE
	for _ in $(seq 20); do
		timeout 20 dvs migrate 0 "$1" "$2" >/dev/null 2>"$tmp/err" && return
		grep -q 'try again' "$tmp/err" || break
	done
	fail "$1 does not move to $2: $(<"$tmp/err")"
}

# It moves to and fro twice, and no number is lost or out of its turn.
counts_on() { # EP FILE
	local to
	until_true 5 has_more "$2" 5 || fail "it does not begin"
	for to in 1 0 1 0; do
		moves_to "$1" "$to"
		goes_on "$2"
	done
	is_counted "$2" || fail "$(seq "$(wc -l <"$tmp/numbers")" | diff - "$tmp/numbers" | head -n 5)"
}
