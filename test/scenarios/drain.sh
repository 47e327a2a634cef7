#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A node is emptied while a client on another one calls one of its servers; what cannot leave is named.
. "$(dirname "$0")/lib.bash"

begin "a node is emptied, asked on any node"
lab 3
server 1 10 64
server 1 11 64
server 1 12 2560
client 0 110 12 500 0.002
sleep 0.2
timeout 30 dvs -n 0 drain 1 >"$tmp/out" 2>"$tmp/err" || fail "drain: $(<"$tmp/err")"
for ep in 10 11 12; do
	at=$(owner $ep)
	[[ $at == 0 || $at == 2 ]] || fail "endpoint $ep is on node ${at:-none}"
done
client_ok 110
end

begin "what cannot leave stays and is named"
timeout 10 dvs lab exec 1 -- sleep 30 &
other=$!
client 1 111 10 300 0.01
sleep 0.5
timeout 30 dvs drain 1 >"$tmp/out" 2>"$tmp/err" && fail "drain said that all left"
grep -q "EDVSPROCSTS" "$tmp/err" || fail "no named error: $(<"$tmp/err")"
client_ok 111
kill $other 2>/dev/null
end

begin "draining a node that is not there"
timeout 10 dvs drain 9 2>"$tmp/err" && fail "drained node 9"
grep -q "EDVSBADNODEID" "$tmp/err" || fail "no named error: $(<"$tmp/err")"
end
finish
