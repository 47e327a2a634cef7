#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# The three steps by hand: start and rollback with a client blocked, and what is refused.
. "$(dirname "$0")/lib.bash"
lab 3

by_hand() { # NODE -s|-r|-c ARGUMENT...
	timeout 10 dvs lab exec "$1" -- dvs_migrate "${@:2}" 2>"$tmp/err"
}
refused() { # ERROR NODE -s|-r|-c ARGUMENT...
	by_hand "${@:2}" && { fail "dvs_migrate ${*:3} was accepted"; return; }
	grep -q "$1" "$tmp/err" || fail "dvs_migrate ${*:3}: not $1 but: $(<"$tmp/err")"
}
flag_of() { # NODE EP MASK: is that flag set in that node's table?
	timeout 10 dvs -n "$1" ps --proc 0 --json | python3 -c 'import json,sys
f=[r["flags"] for r in json.load(sys.stdin) if r["p_nr"]==int(sys.argv[1])]
sys.exit(not (f and f[0] & int(sys.argv[2], 16)))' "$2" "$3"
}

begin "a commit without a start is refused, a rollback has nothing to do"
server 1 10 64
refused EDVSPROCSTS 0 -c 0 10 0
# Nothing moves: that is what a rollback states.
DVS_NODE=2 timeout 10 dvs_migrate -r 0 10 >/dev/null 2>"$tmp/err" || fail "a rollback of what does not move: $(<"$tmp/err")"
refused EDVSBADPROC 0 -s 0 77
check_tables 10=1
end

begin "start, then rollback with a client blocked: it goes on"
client 0 110 10 on 0.005
calling 110
by_hand 1 -s 0 10 || fail "start: $(<"$tmp/err")"
until_true 3 flag_of 1 10 800 || fail "the server does not stop at its next call"
until_true 3 flag_of 0 110 8000 || fail "the client does not wait for the migration"
flag_of 2 10 800 || fail "the third node was not told"
by_hand 2 -r 0 10 || fail "rollback: $(<"$tmp/err")"
client_ok 110
check_tables 10=1
end

begin "a start that is repeated succeeds, a move meanwhile is refused"
by_hand 0 -s 0 10 || fail "start: $(<"$tmp/err")"
by_hand 1 -s 0 10 || fail "start again: $(<"$tmp/err")"
timeout 10 dvs migrate 0 10 2 >/dev/null 2>"$tmp/err" && fail "moved though it is being moved by hand"
grep -q EDVSMIGRATE "$tmp/err" || fail "not EDVSMIGRATE but: $(<"$tmp/err")"
end

begin "commits that cannot be are refused and change nothing"
timeout 10 dvs lab kill 2 >/dev/null
refused 'EDVSNOPROXY\|EDVSDCNODE' 0 -c 0 10 2
refused 'EDVSNOPROXY\|EDVSDCNODE' 0 -c 0 10 31
flag_of 0 10 800 || fail "the endpoint does not migrate any more"
by_hand 0 -r 0 10 || fail "rollback: $(<"$tmp/err")"
client 0 111 10 20 0
client_ok 111
end
finish
