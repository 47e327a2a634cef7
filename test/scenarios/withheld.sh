#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# A process whose page never comes holds up the one that copies from it, and nobody else: not its node, and not the
# copies of others.
. "$(dirname "$0")/lib.bash"
lab 2
withheld=$build/test/conformance/withheld

timeout 10 dvs -n 1 run 0 10 -- "$withheld" server 10 >"$tmp/out" 2>&1 || not_ok "a server" "$(<"$tmp/out")"
ready() { timeout 10 dvs logs 0 10 | grep -q ready; }
until_true 5 ready || { echo "skip: this kernel lets nobody withhold a page"; exit 77; }

begin "a node answers while a small copy waits for a page of its process"
for ep in 20 21 22 23 24 25 26 27 28 29; do
	timeout 10 dvs -n 0 run 0 $ep -- "$withheld" client $ep 10 >"$tmp/out" 2>&1 || fail "client: $(<"$tmp/out")"
done
sleep 1
for node in 0 1; do
	best=100000
	for ((i = 0; i < 5; i++)); do
		start=$(date +%s%N)
		timeout 10 dvs -n $node nodes >/dev/null 2>"$tmp/err" || fail "node $node: $(<"$tmp/err")"
		took=$((($(date +%s%N) - start) / 1000000))
		((took >= best)) || best=$took
	done
	((best < 500)) || fail "node $node answers after $best ms"
done
! timeout 10 dvs logs 0 20 | grep -q copied || fail "the copy did not wait: $(timeout 10 dvs logs 0 20)"
end

begin "others copy meanwhile"
server 1 11 8
client_limit=20 client 0 30 11 200 0 4096
client_ok 30
end

begin "they are answered when that process ends"
kill -9 "$(lpid_of 10)"
told() { timeout 10 dvs logs 0 20 2>/dev/null | grep -q copied; }
until_true 5 told || fail "client 20 says: $(timeout 10 dvs logs 0 20 2>&1)"
end

finish
