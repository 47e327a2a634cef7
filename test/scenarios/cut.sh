#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
#
# The link between source and target is cut at every step of a migration, and healed later. The process
# lives on exactly one node, its clients on the third node go on, and nothing is lost.
. "$(dirname "$0")/lib.bash"

cut_at() { # STEP
	local at moving
	export DVS_FAULT=$1:stop
	lab 3
	unset DVS_FAULT
	begin "the link is cut at $1"
	server 1 10 2560
	client 0 110 10 on 0.002
	calling 110
	timeout 60 dvs -n 1 migrate 0 10 2 --json >"$tmp/moved" 2>"$tmp/err" &
	moving=$!
	at_fault "$1"
	cut_links 1 2
	wait $moving
	result=$(field result <"$tmp/moved")
	at=$(owner 10)
	case $result:$at in
	committed:2) ;;
	rolled_back:1 | refused:1) grep -q 'EDVS' "$tmp/err" || fail "no named error: $(<"$tmp/err")" ;;
	*) fail "result ${result:-none}, endpoint on node ${at:-none}: $(<"$tmp/err")" ;;
	esac
	check_processes migr_server "$at"
	client_ok 110
	heal_links 1 2
	client 2 111 10 20 0
	client 1 112 10 20 0
	client_ok 111 112
	check_tables 10="$at"
	end
}

begin "a call across a cut link waits for its healing"
lab 2
server 1 10 64
client 0 110 10 on 0.002
calling 110
cut_links 0 1
sleep 1
heal_links 0 1
client_ok 110
check_tables 10=1
end

for step in source-frozen source-sent source-commit target-checked target-loaded target-commit; do
	cut_at $step
done
finish
