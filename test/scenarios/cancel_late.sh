#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# The asker of a move is told that it was given up although the group is silent, and the move waits for the group's
# word. A cancel that comes meanwhile is answered, too.
. "$(dirname "$0")/lib.bash"
lab 2

begin "a move that was reported while the group is silent is not cancelled any more, and the canceller hears so"
server 0 10 0
silence_group
timeout 20 dvs -n 0 migrate 0 10 1 >"$tmp/moved" 2>&1
moved=$?
timeout 5 dvs -n 0 migrate 0 10 --cancel >"$tmp/cancelled" 2>&1
cancelled=$?
end_silence
((moved == 1)) || fail "migrate: status $moved: $(<"$tmp/moved")"
((cancelled == 1)) || fail "cancel: status $cancelled: $(<"$tmp/cancelled")"
grep -q "reported already.*(EDVSRSCBUSY)" "$tmp/cancelled" || fail "cancel: $(<"$tmp/cancelled")"
end

begin "when the group is heard again the process stays, and can move"
over() { timeout 5 dvs -n 0 migrate 0 10 --cancel 2>&1 | grep -q "nothing to cancel"; }
until_true 10 over || fail "the move does not end"
timeout 20 dvs -n 0 migrate 0 10 1 >"$tmp/moved" 2>&1 || fail "migrate: $(<"$tmp/moved")"
client 0 11 10 5 0.01 0
client_ok 11
end
finish
