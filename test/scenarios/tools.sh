#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# What the command line does with wrong words, with what is not well, and with a move that is given up.
. "$(dirname "$0")/lib.bash"

field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1" 2>/dev/null; }
owner() { timeout 10 dvs ps 0 --json | python3 -c 'import json, sys; print(*[r["node"] for r in json.load(sys.stdin) if r["endpoint"] == int(sys.argv[1])])' "$1"; }

export DVS_FAULT=source-frozen:stop
lab 2
unset DVS_FAULT
timeout 10 dvs run 0 10 -- sleep 1000 >/dev/null

begin "an interrupt, the loss of the command and --cancel give a move up before it is committed"
timeout 10 env --default-signal=INT dvs migrate 0 10 1 --json >"$tmp/out" 2>"$tmp/err" & move=$!
sleep 0.3
kill -INT "$(pgrep -P $move -x dvs)"
wait $move && fail "a cancelled move ends with 0"
grep -q 'EDVSINTR' "$tmp/err" || fail "$(<"$tmp/err")"
[[ $(field result <"$tmp/out") == rolled_back ]] || fail "$(<"$tmp/out")"
[[ $(owner 10) == 0 ]] || fail "it is on node $(owner 10)"
timeout 10 dvs -n 1 migrate 0 10 1 >"$tmp/out" 2>"$tmp/err" & move=$!
sleep 0.3
timeout 10 dvs -n 1 migrate 0 10 --cancel >"$tmp/cancel" 2>&1 || fail "--cancel: $(<"$tmp/cancel")"
wait $move && fail "a move that another command cancelled ends with 0"
[[ $(owner 10) == 0 ]] || fail "it is on node $(owner 10)"
dvs -n 1 migrate 0 10 1 >/dev/null 2>&1 & move=$!
sleep 0.3
kill -9 $move
sleep 2
[[ $(owner 10) == 0 ]] || fail "the command was lost and the move was not: it is on node $(owner 10)"
timeout 10 dvs migrate 0 10 --cancel >/dev/null 2>"$tmp/err" && fail "a move that there is not is cancelled"
grep -q EDVSNOENT "$tmp/err" || fail "$(<"$tmp/err")"
timeout 20 dvs migrate 0 10 1 >/dev/null || fail "it does not move any more"
end

begin "a wrong word is named, the status is 2, and --json makes a document of every error"
while read -r word command; do
	timeout 10 $command --json >"$tmp/out" 2>"$tmp/err"
	status=$?
	[[ $status == 2 ]] || fail "$command ends with $status"
	head -n 1 "$tmp/err" | grep -q -e "$word" || fail "$command: $(<"$tmp/err")"
	field reason <"$tmp/out" | grep -q -e "$word" || fail "$command: $(<"$tmp/out")"
done <<'LIST'
abc dvs logs abc 10
EP dvs logs 0
extra dvs ps 0 extra
extra dvs nodes extra
--bogus dvs dc --bogus
99999999999 dvs migrate 0 10 99999999999
x dvs drain x
x dvs dc rm x
nothing dvs nothing
LIST
timeout 10 dvs logs 0 77 --json >"$tmp/out" 2>/dev/null && fail "logs of no endpoint"
[[ $(field error <"$tmp/out") == EDVS* ]] || fail "$(<"$tmp/out")"
for verb in nodes dc "dc rm" ps logs run migrate drain restart lab "lab up" "lab down" "lab cut" "lab exec"; do
	timeout 10 dvs $verb --help 2>/dev/null | grep -q '^usage: dvs' || fail "dvs $verb --help"
done
end

begin "dvs dc rm of a container with processes wants --force"
timeout 10 dvs dc create 5 >/dev/null
timeout 10 dvs run 5 10 -- sleep 1000 >/dev/null
timeout 10 dvs dc rm 5 >/dev/null 2>"$tmp/err" && fail "removed"
grep -q -- '--force.*EDVSBUSY' "$tmp/err" || fail "$(<"$tmp/err")"
timeout 10 dvs dc rm 5 --force >/dev/null || fail "not removed"
end

begin "dvs nodes shows the quorum, and its status whether all is well"
timeout 10 dvs nodes >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
grep -q '^quorum: yes' "$tmp/out" || fail "$(<"$tmp/out")"
timeout 20 dvs lab kill 1 >/dev/null
sleep 1
timeout 10 dvs -n 0 nodes --json >"$tmp/out" 2>"$tmp/err" && fail "a lost node is well"
grep -q 'node 1.*EDVS' "$tmp/err" || fail "$(<"$tmp/err")"
python3 -c 'import json, sys; sys.exit(json.load(sys.stdin)[0]["quorum"] is not True)' <"$tmp/out" || fail "$(<"$tmp/out")"
end

begin "a lab whose state is lost, or damaged, is removed"
for damage in 'rm -rf /run/dvs/lab' 'rm /run/dvs/lab/state' 'cp /dev/null /run/dvs/lab/state' 'echo nonsense >/run/dvs/lab/state'; do
	lab 2
	eval "$damage"
	timeout 20 dvs lab down >"$tmp/out" 2>&1 || fail "after $damage: $(<"$tmp/out")"
	sleep 0.2
	pgrep -r D,R,S -f 'run.dvs.lab.group.sock' >/dev/null && fail "after $damage something runs on"
	[[ -e /run/dvs ]] && fail "after $damage a folder stays"
done
lab 2
pkill -9 -f 'run.dvs.lab.group.sock'
timeout 20 dvs lab down >"$tmp/out" 2>&1 || fail "after KILL: $(<"$tmp/out")"
[[ -e /run/dvs ]] && fail "after KILL a folder stays"
end
finish
