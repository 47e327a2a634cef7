#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# Custody while everybody moves: senders and receivers with time-outs of a few milliseconds on all nodes,
# and all of them moved about. Each message is taken once, or its sender has it back.
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
	for i in 0 1 2; do [[ -s $tmp/log.r$i ]] || return 1; done
	for i in 0 1 2 3 4 5; do [[ -s $tmp/log.s$i ]] || return 1; done
}

lab 3
begin "every message is taken once or given back while all move"
for i in 0 1 2; do start $i ${receivers[i]} recv "$tmp/log.r$i" $i; done
for i in 0 1 2 3 4 5; do
	start $((i % 3)) ${senders[i]} send "$tmp/log.s$i" $i ${receivers[*]} $((i > 3))
done
moves=0 refused=0
for _ in {1..60}; do
	all_done && break
	ep=${receivers[RANDOM % 3]}
	((RANDOM % 3)) || ep=${senders[RANDOM % 6]}
	if timeout 20 dvs migrate 0 "$ep" $((RANDOM % 3)) --json >"$tmp/moved" 2>"$tmp/err"; then
		((++moves))
	else
		((++refused)) # to where it is already, or it has ended
	fi
done
until_true 40 all_done || fail "somebody has not ended: $(timeout 10 dvs ps)"
((moves >= 5)) || fail "only $moves moves: $(<"$tmp/err")"
echo "$moves moves, $refused refused"
"$build/test/conformance/conform_storm" compare "$tmp/log" || fail "the logs of both sides differ"
for ep in "${receivers[@]}" "${senders[@]}"; do
	last=$(timeout 10 dvs logs 0 "$ep" | tail -n 1)
	[[ $last == "0 went wrong" ]] || fail "endpoint $ep: $last"
done
end
finish
