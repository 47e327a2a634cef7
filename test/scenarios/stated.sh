#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# dvk_rmtbind in advance: a receive from a slot that nobody has bound yet waits, also while its process
# moves, until the peer sends, or until its node is lost.
. "$(dirname "$0")/lib.bash"
stated=$build/test/conformance/stated

blocked() { [[ $(rows_of "$1" | field flags) == 8 ]]; } # RECEIVING
waiting() { # EP: has been run and waits for endpoint 3, which will be on node 1
	timeout 10 dvs run 0 "$1" -- "$stated" receive "$1" 3 1 >"$tmp/started" 2>&1 || fail "run: $(<"$tmp/started")"
	until_true 5 blocked "$1" || fail "endpoint $1 does not wait: $(rows_of "$1"); $(dvs logs 0 "$1" | tail -n 1)"
}
says() { # EP TEXT
	until_true 5 grep_log "$1" "$2" || fail "endpoint $1: $(dvs logs 0 "$1" 2>&1 | tail -n 1), and not: $2"
}
grep_log() { dvs logs 0 "$1" 2>/dev/null | grep -qx -- "$2"; }

lab 3
begin "the wait goes on where its process has moved, and ends with the message"
waiting 2
timeout 20 dvs migrate 0 2 2 >"$tmp/moved" 2>&1 || fail "migrate: $(<"$tmp/moved")"
out=$(timeout 10 dvs lab exec 1 -- "$stated" send 3 2 2>&1)
[[ $out == 0 ]] || fail "the send: $out"
says 2 "0 7 from 3"
end
begin "a slot that is stated has a row where it is remote, and is no endpoint"
waiting 5
row=$(timeout 10 dvs -n 0 ps 0 --proc --json | python3 -c 'import json,sys
print([(r["flags"], r["name"]) for r in json.load(sys.stdin) if r["p_nr"] == 3])')
[[ $row == "[(4096, 'later')]" ]] || fail "the row on node 0: $row"
[[ $(rows_of 3) == "[]" ]] || fail "dvs ps shows it: $(rows_of 3)"
timeout 10 dvs run 0 3 -- true >"$tmp/out" 2>&1 && fail "another node has it: $(<"$tmp/out")"
end
begin "the wait ends with the node where the peer would have been bound"
waiting 4
timeout 20 dvs lab kill 1 >/dev/null || fail "lab kill"
says 4 "EDVSSRCDIED"
end
finish
