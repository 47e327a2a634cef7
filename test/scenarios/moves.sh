#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# alone
# engines: local corosync
# timeout: 60
#
# A server moves while its client calls: the original's three scenarios.
#
#	1	client 0, server 1 -> 0		apart, then together
#	2	client 1, server 1 -> 0		together, then apart
#	3	client 0, server 1 -> 2		to a third node
. "$(dirname "$0")/lib.bash"
export DVS_FAULT=keep-check # its daemons compare what they leave to a next one with all that there is
lab 3

moves_while_called() { # NAME EP CLIENT_EP CLIENT_NODE TO
	begin "$1"
	server 1 "$2" 2560
	client "$4" "$3" "$2" on 0.002
	calling "$3"
	move "$2" "$5"
	client_ok "$3"
	check_tables "$2=$5"
	check_processes migr_server "$5"
	kill "$(lpid_of "$2")"
	check_tables
	check_processes migr_server
	end
}

moves_while_called "client on 0, server moves 1 to 0" 10 110 0 0
moves_while_called "client and server on 1, server moves to 0" 11 111 1 0
moves_while_called "client on 0, server moves 1 to 2" 12 112 0 2

unbound() { [[ $(rows_of "$1") == '[]' ]]; }

# It may be asking its daemon for its pages just then, which is no reason to refuse it.
begin "a server moves in the moment in which it has been started"
for i in {1..40}; do
	server 0 13 64
	timeout 20 dvs migrate 0 13 1 >/dev/null 2>"$tmp/err" || fail "start $i: $(<"$tmp/err")" || break
	pid=$(lpid_of 13)
	kill "$pid"
	until_true 5 ended "$pid" || fail "start $i: it does not end"
	until_true 5 unbound 13 || fail "start $i: its endpoint stays"
done
end
finish
