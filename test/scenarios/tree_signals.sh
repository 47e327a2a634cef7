#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# A signal that a child gets while it stands for a move follows it, and arrives once.
. "$(dirname "$0")/lib.bash"
export DVS_FAULT=source-sent:sleep # the state has left, and the processes stand for a while
lab 2

is_held() { grep -q '^State:.*tracing' "/proc/$1/status" 2>/dev/null; }
child() { pgrep -P "$(lpid_of 40)" -x sh; }

begin "a signal that comes when the state of a child has been sent arrives once"
timeout 10 dvs -n 0 run 0 40 -- sh -c "sh -c 'trap \"echo got >>$tmp/got\" USR1; : >$tmp/ready; while :; do sleep 0.05; done' & exec sleep 7781" >/dev/null || fail "not started"
until_true 5 test -e "$tmp/ready" || fail "it does not begin"
for to in 1 0; do
	rm -f "$tmp/got"
	pid=$(child)
	timeout 20 dvs migrate 0 40 $to >/dev/null 2>"$tmp/err" &
	until_true 5 is_held "$pid" || fail "it is not held"
	sleep 0.05
	kill -USR1 "$pid" || fail "it is not there"
	wait $! || fail "it does not move: $(<"$tmp/err")"
	until_true 5 grep -qs got "$tmp/got" || fail "the signal is lost"
	[[ $(<"$tmp/got") == got && $(child) && $(child) != "$pid" ]] || fail "$(<"$tmp/got"), $(child)"
done
end
finish
