#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
#
# While a server moves 1 -> 2 under a client on node 0, the target's daemon dies at every step, then the
# source's. Before the commit the death of the target changes nothing but the error; the endpoint dies only
# with the node that owns it, and then everywhere.
. "$(dirname "$0")/lib.bash"

die_at() { # STEP NODE: the daemon of NODE dies when it, or the other side, is at STEP
	local moving at survivor=$((3 - $2))
	case $1:$2 in
	source-*:1 | target-*:2) export DVS_FAULT=$1:exit ;;
	*) export DVS_FAULT=$1:stop ;;
	esac
	lab 3
	begin "the daemon of the $([[ $2 == 2 ]] && echo target || echo source) dies at $1"
	server 1 10 256
	client 0 110 10 1000000 0.001
	calling 110
	timeout 30 dvs -n 0 migrate 0 10 2 --json >"$tmp/moved" 2>"$tmp/err" &
	moving=$!
	if [[ $DVS_FAULT == *:stop ]]; then
		at_fault "$1"
		timeout 10 dvs lab kill "$2" >/dev/null || fail "lab kill"
	fi
	unset DVS_FAULT
	wait $moving
	result=$(field result <"$tmp/moved")
	timeout 10 dvs lab kill "$2" >/dev/null
	await_death 0 "$2"
	at=$(owner 10)
	if [[ -z $at ]]; then
		# the owner died: nobody may have it any more, and everybody knows
		client_is_told 110 10
		check_tables
		check_processes migr_server
		[[ $2 == 2 && $result != committed && $1 != target-commit ]] &&
			fail "the target's end took the process with it: $result, $(<"$tmp/err")"
	else
		[[ $at == "$survivor" ]] || fail "endpoint on node $at, whose daemon is dead"
		check_processes migr_server "$at"
		client 0 111 10 20 0
		client_ok 111
		client_is_told 110 10
	fi
	[[ $result == committed ]] || grep -q 'EDVS' "$tmp/err" || fail "no named error: $(<"$tmp/err")"
	end
}

for step in source-frozen source-sent source-commit target-checked target-loaded target-commit; do
	die_at $step 2
	die_at $step 1
done
finish
