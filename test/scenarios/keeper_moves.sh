#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
#
# While a server moves 1 -> 2 under a client on node 0, a daemon dies and is followed by another one; its node lives. The
# table of core/recover.h says what becomes of the process: it is there once, or its end is told.
. "$(dirname "$0")/lib.bash"

follows() { # KEEPER OLD
	local now
	now=$(daemon_below "$1")
	[[ $now && $now != "$2" ]]
}
is_at() { # WHERE...
	at=$(owner 10)
	[[ " $* " == *" ${at:-none} "* ]]
}
answers() { timeout 5 dvs -n "$1" ps >/dev/null 2>&1; }

die_at() { # STEP NODE WHERE...: the endpoint is at one of these afterwards, "none": it has ended
	local moving at keeper old
	case $1:$2 in
	source-*:1 | target-*:2) export DVS_FAULT=$1:die ;;
	*) export DVS_FAULT=$1:stop ;;
	esac
	lab 3
	begin "the daemon of the $([[ $2 == 2 ]] && echo target || echo source) dies at $1, and its node goes on"
	server 1 10 256
	client 0 110 10 1000000 0.001
	keeper=$(keeper_pid "$2") old=$(daemon_below "$keeper")
	calling 110
	timeout 30 dvs -n 0 migrate 0 10 2 --json >"$tmp/moved" 2>"$tmp/err" &
	moving=$!
	if [[ $DVS_FAULT == *:stop ]]; then
		at_fault "$1"
		kill -KILL "$old"
	fi
	unset DVS_FAULT
	wait $moving
	until_true 5 follows "$keeper" "$old" || fail "no daemon follows"
	until_true 5 answers "$2" || fail "it does not answer"
	until_true 10 is_at "${@:3}" || fail "the endpoint is at ${at:-none}: $(<"$tmp/moved") $(<"$tmp/err")"
	check_processes migr_server $at
	if [[ $at ]]; then
		client 0 111 10 20 0
		client_ok 111
	fi
	[[ $(field result <"$tmp/moved") == committed ]] || grep -q 'EDVS' "$tmp/err" || fail "no named error: $(<"$tmp/err")"
	client_is_told 110 10
	check_tables ${at:+10=$at}
	end
}

die_at source-offer 1 1
die_at source-frozen 1 none
die_at source-frozen 2 1
die_at source-commit 1 none 2
die_at target-loaded 2 1
die_at target-commit 2 none
finish
