#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
#
# Every message call against its contract: all processes on one node, then on two.
#
#	node 0 --------------- node 1
#	caller, third          server
#
# Usage: messages.sh [TOPIC...]
. "$(dirname "$0")/lib.bash"
topics=(messages errors death notify bind info copy warn rights hand rare lives storm original)
(($#)) && topics=("$@")

# A client and a server written for the original, both on node 0, then the server on node 1.
original() { # NODE EP
	local there
	begin "a program of the original, its server on node $1"
	timeout 20 dvs lab exec "$1" -- "$build/examples/original" server 0 "$2" >"$tmp/server" 2>&1 &
	there=$!
	until_true 10 eval '[[ $(rows_of "$2") != "[]" ]]' || fail "the server is not bound: $(tail -n 1 "$tmp/server")"
	timeout 20 dvs lab exec 0 -- "$build/examples/original" client 0 27 "$2" 50 >"$tmp/client" 2>&1 ||
		fail "client: $(tail -n 1 "$tmp/client")"
	((failures)) && kill $there
	wait $there || fail "server: $(tail -n 1 "$tmp/server")"
	end
}

lab 2
classic
for topic in "${topics[@]}"; do
	if [[ $topic == original ]]; then
		original 0 25
		original 1 26
	else
		timeout 100 "$build/test/conformance/conform_$topic" 0,0,0 0,1,0 || failed=1
	fi
done
finish
