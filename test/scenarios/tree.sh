#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# A program with children moves with all of them: shells with pipelines, which start processes all the time, and whose
# output lacks nothing.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/counting.bash"
export DVS_FAULT=keep-check # its daemons compare what they leave to a next one with all that there is
lab 2

begin "a shell and its pipeline move, and no line is lost or out of its turn"
timeout 10 dvs -n 0 run 0 41 -- sh -c "i=0; while :; do i=\$((i+1)); echo \$i; sleep 0.01; done | cat >$tmp/cat" >/dev/null || fail "not started"
counts_on 41 "$tmp/cat"
end

begin "its children are where it is, with the numbers that they had, and are told when one ends"
timeout 10 dvs -n 0 run 0 42 -- sh -c "sleep 7771 & echo \$! >$tmp/first; sleep 7772 & wait \$(cat $tmp/first); echo \$? >$tmp/status; exec sleep 7773" >/dev/null || fail "not started"
until_true 5 pgrep -f '^sleep 7772' >/dev/null || fail "it does not begin"
moves_to 42 1
[[ $(pgrep -fc '^sleep 777[12]') == 2 ]] || fail "$(pgrep -fa '^sleep 777')"
for pid in $(pgrep -f '^sleep 777[12]'); do
	[[ $(awk '/^PPid/ { print $2 }' "/proc/$pid/status") == "$(lpid_of 42)" ]] || fail "$pid is another one's child"
done
first=$(pgrep -f '^sleep 7771')
[[ $(awk '/^NSpid/ { print $NF }' "/proc/$first/status") == "$(<"$tmp/first")" ]] || fail "$(grep NSpid "/proc/$first/status")"
kill -TERM "$first"
until_true 5 grep -qs 143 "$tmp/status" || fail "it was not told: $(cat "$tmp/status")"
moves_to 42 0
[[ $(pgrep -fc '^sleep 7772') == 1 && $(pgrep -fc '^sleep 7773') == 1 ]] || fail "$(pgrep -fa '^sleep 777')"
end

begin "a move that is refused or tried leaves them as they are"
timeout 20 dvs migrate 0 42 1 --dry-run >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
timeout 10 dvs -n 0 run 0 43 -- sh -c 'sleep 7774 & unshare --uts sleep 7775 & exec sleep 7776' >/dev/null || fail "not started"
three() { [[ $(pgrep -fc '^sleep 777[456]') == 3 ]]; }
until_true 5 three || fail "it does not begin"
timeout 20 dvs migrate 0 43 1 >/dev/null 2>"$tmp/err" && fail "it moved with one that has a namespace of its own"
grep -q 'has a uts namespace' "$tmp/err" && grep -q 'which descends from it' "$tmp/err" || fail "it says: $(<"$tmp/err")"
three || fail "$(pgrep -fa '^sleep 777')"
timeout 10 dvs stop 0 43 >/dev/null || fail "not stopped"
none_of_three() { ! pgrep -f '^sleep 777[456]' >/dev/null; }
until_true 5 none_of_three || fail "left: $(pgrep -fa '^sleep 777')"
end

begin "what is stopped moves as well, and is stopped until it is continued"
timeout 10 dvs -n 0 run 0 43 -- sh -c 'sleep 7774 & sleep 7775 & exec sleep 7776' >/dev/null || fail "not started"
until_true 5 three || fail "it does not begin"
state_of() { awk '/^State/ { print $2 }' "/proc/$(pgrep -f "^sleep $1")/status"; }
is_state() { [[ $(state_of "$1") == "$2" ]]; }
kill -STOP "$(pgrep -f '^sleep 7775')"
for to in 1 0; do
	timeout 20 dvs migrate 0 43 $to --dry-run >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
	moves_to 43 $to
	three && until_true 5 is_state 7775 T && is_state 7774 S || fail "$(pgrep -fa '^sleep 777'), $(state_of 7775)"
done
kill -STOP "$(lpid_of 43)"
moves_to 43 1
three && until_true 5 is_state 7776 T || fail "$(pgrep -fa '^sleep 777'), $(state_of 7776)"
kill -CONT "$(lpid_of 43)" "$(pgrep -f '^sleep 7775')"
until_true 5 is_state 7775 S && until_true 5 is_state 7776 S || fail "$(state_of 7775) $(state_of 7776)"
end

begin "they end with it"
for ep in 41 42 43; do
	timeout 10 dvs stop 0 $ep >/dev/null || fail "$ep is not stopped"
done
none() { ! pgrep -f '^sleep 777' >/dev/null; }
until_true 5 none || fail "left: $(pgrep -fa '^sleep 777')"
end
finish
