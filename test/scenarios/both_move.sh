#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# engines: local corosync
#
# The client moves instead of the server; then both at once.
. "$(dirname "$0")/lib.bash"
lab 3

# A client that can be moved belongs to the daemon; its log moves with it.
mobile_client() { # NODE EP SERVER_EP DELAY
	timeout "$limit" dvs -n "$1" run --wait 0 "$2" -- migr_client 0 "$2" "$3" 4096 100000000 "$4" >"$tmp/client.$2" 2>"$tmp/err.$2" &
	client_pid[$2]=$!
}
# It calls on, and is told to end.
mobile_client_ok() { # EP
	calling "$1"
	timeout 10 dvs kill 0 "$1" --signal TERM >/dev/null 2>"$tmp/err" || fail "client $1 is not told to end: $(<"$tmp/err")"
	client_calls[$1]='[1-9]*([0-9])'
	client_ok "$1"
}

begin "the client moves 0 to 1 to 2"
server 1 10 64
mobile_client 0 110 10 0.004
calling 110
move 110 1
calling 110
move 110 2
check_tables 10=1 110=2
check_processes migr_client 2
mobile_client_ok 110
check_tables 10=1
check_processes migr_client
end

begin "client and server move at once"
mobile_client 0 111 10 0.004
calling 111
timeout 20 dvs migrate 0 111 2 >"$tmp/one" 2>&1 &
one=$!
timeout 20 dvs migrate 0 10 0 >"$tmp/two" 2>&1 &
two=$!
wait $one || fail "client: $(<"$tmp/one")"
wait $two || fail "server: $(<"$tmp/two")"
check_tables 10=0 111=2
mobile_client_ok 111
check_tables 10=0
end

begin "they change places at once"
mobile_client 2 112 10 0.004
calling 112
timeout 20 dvs migrate 0 112 0 >"$tmp/one" 2>&1 &
one=$!
timeout 20 dvs migrate 0 10 2 >"$tmp/two" 2>&1 &
two=$!
wait $one || fail "client: $(<"$tmp/one")"
wait $two || fail "server: $(<"$tmp/two")"
check_tables 10=2 112=0
mobile_client_ok 112
check_tables 10=2
check_processes migr_client
check_processes migr_server 2
end
finish
