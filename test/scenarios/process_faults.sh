#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# engines: local corosync
# timeout: 150
#
# The process that moves 1 -> 2 is killed, or stopped by a signal, at every step of its migration.
# Whatever came of it: it lives on exactly one node and serves there, or, killed, it is unbound
# everywhere and its clients have been told.
. "$(dirname "$0")/lib.bash"

steps="source-frozen source-sent source-commit target-checked target-loaded target-commit"

signal_at() { # STEP SIGNAL
	local pid moving
	export DVS_FAULT=$1:stop
	lab 3
	unset DVS_FAULT
	begin "SIG$2 at $1"
	server 1 10 256
	pid=$(lpid_of 10)
	client 0 110 10 1000000 0.001
	calling 110
	timeout 30 dvs migrate 0 10 2 --json >"$tmp/moved" 2>"$tmp/err" &
	moving=$!
	at_fault "$1"
	kill -"$2" "$pid" 2>/dev/null
	wait $moving
	result=$(field result <"$tmp/moved")
	settle "$2"
	client_is_told 110 10
	end
}

settle() { # SIGNAL
	local at
	at=$(owner 10)
	if [[ $1 == KILL && -z $at ]]; then
		# a signal that comes when the commit is under way follows the process
		[[ $result == committed ]] || grep -q 'EDVS' "$tmp/err" || fail "no named error: $(<"$tmp/err")"
		check_processes migr_server
		return
	fi
	case $result:$at in
	committed:2 | rolled_back:1 | refused:1) ;;
	*) fail "result ${result:-none}, endpoint on node ${at:-none}: $(<"$tmp/err")" ;;
	esac
	check_processes migr_server "$at"
	kill -CONT "$(lpid_of 10)" 2>/dev/null
	client $((3 - at)) 111 10 20 0
	client_ok 111
}

for step in $steps; do
	signal_at "$step" KILL
	signal_at "$step" STOP
done
finish
