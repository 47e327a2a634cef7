#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# engines: local corosync
#
# Custody while everybody moves: senders and receivers with time-outs of a few milliseconds on all nodes,
# and all of them moved about; then again with links that fail for a moment. Each message is taken once,
# or its sender has it back.
. "$(dirname "$0")/lib.bash"
squall=$build/test/conformance/squall
receivers=(11 12 13)
senders=(15 16 17 18 44 45)

start() { # NODE EP ARG...
	timeout 10 dvs -n "$1" run 0 "$2" -- "$squall" "${@:3}" >"$tmp/started" 2>&1 ||
		fail "endpoint $2 on node $1: $(<"$tmp/started")"
}
all_done() {
	local i
	for i in 0 1 2; do [[ -s $log.r$i ]] || return 1; done
	for i in 0 1 2 3 4 5; do [[ -s $log.s$i ]] || return 1; done
}
cut_for_a_moment() {
	local a=$((RANDOM % 3)) b
	b=$(((a + 1 + RANDOM % 2) % 3))
	timeout 10 dvs lab cut $a $b >/dev/null
	sleep 0.3
	timeout 10 dvs lab heal $a $b >/dev/null
}
move_somebody() {
	local ep=${receivers[RANDOM % 3]}
	((RANDOM % 3)) || ep=${senders[RANDOM % 6]}
	# Refused where it is already, or if it has ended.
	timeout 20 dvs migrate 0 "$ep" $((RANDOM % 3)) --json >"$tmp/moved" 2>"$tmp/err" && ((++moves))
}
went_right() { # EP
	[[ $(timeout 10 dvs logs 0 "$1" 2>&1 | tail -n 1) == "0 went wrong" ]]
}

storm() { # WITH_CUTS
	local i ep cutting
	moves=0 log=$tmp/log$1
	lab 3
	for i in 0 1 2; do start $i ${receivers[i]} recv "$log.r$i" $i; done
	for i in 0 1 2 3 4 5; do
		start $((i % 3)) ${senders[i]} send "$log.s$i" $i ${receivers[*]} $((i > 3))
	done
	for _ in {1..60}; do
		all_done && break
		if (($1)); then
			cut_for_a_moment &
			cutting=$!
			move_somebody
			wait $cutting
		else
			move_somebody
		fi
	done
	until_true 40 all_done || fail "somebody has not ended: $(timeout 10 dvs ps)"
	((moves >= 3)) || fail "only $moves moves: $(<"$tmp/err")"
	"$build/test/conformance/conform_storm" compare "$log" || fail "the logs of both sides differ"
	for ep in "${receivers[@]}" "${senders[@]}"; do
		until_true 10 went_right "$ep" || fail "endpoint $ep: $(timeout 10 dvs logs 0 "$ep" 2>&1 | tail -n 3)"
	done
}

begin "every message is taken once or given back while all move"
storm 0
end
begin "every message is taken once or given back while all move and links fail"
storm 1
end
finish
