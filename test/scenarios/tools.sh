#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# What the command line does with wrong words, with what is not well, and with a move that is given up.
. "$(dirname "$0")/lib.bash"

field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1" 2>/dev/null; }
owner() { timeout 10 dvs ps 0 --json | python3 -c 'import json, sys; print(*[r["node"] for r in json.load(sys.stdin) if r["endpoint"] == int(sys.argv[1])])' "$1"; }
stays() { timeout 10 dvs ps 0 --json | python3 -c 'import json, sys; sys.exit(any(r["flags"] & 0x800 for r in json.load(sys.stdin) if r["endpoint"] == int(sys.argv[1])))' "$1"; }

export DVS_FAULT=source-frozen:stop
lab 2
unset DVS_FAULT
timeout 10 dvs run 0 10 -- sleep 1000 >/dev/null

begin "an interrupt, the loss of the command and --cancel give a move up before it is committed"
timeout 10 env --default-signal=INT dvs migrate 0 10 1 --json >"$tmp/out" 2>"$tmp/err" & move=$!
at_fault source-frozen
kill -INT "$(pgrep -P $move -x dvs)"
wait $move && fail "a cancelled move ends with 0"
grep -q 'EDVSINTR' "$tmp/err" || fail "$(<"$tmp/err")"
[[ $(field result <"$tmp/out") == rolled_back ]] || fail "$(<"$tmp/out")"
[[ $(owner 10) == 0 ]] || fail "it is on node $(owner 10)"
timeout 10 dvs -n 1 migrate 0 10 1 >"$tmp/out" 2>"$tmp/err" & move=$!
at_fault source-frozen 2
timeout 10 dvs -n 1 migrate 0 10 --cancel >"$tmp/cancel" 2>&1 || fail "--cancel: $(<"$tmp/cancel")"
wait $move && fail "a move that another command cancelled ends with 0"
[[ $(owner 10) == 0 ]] || fail "it is on node $(owner 10)"
dvs -n 1 migrate 0 10 1 >/dev/null 2>&1 & move=$!
at_fault source-frozen 3
kill -9 $move
until_true 10 stays 10 || fail "its move does not end"
[[ $(owner 10) == 0 ]] || fail "the command was lost and the move was not: it is on node $(owner 10)"
timeout 10 dvs migrate 0 10 --cancel >/dev/null 2>"$tmp/err" && fail "a move that there is not is cancelled"
grep -q EDVSNOENT "$tmp/err" || fail "$(<"$tmp/err")"
timeout 20 dvs migrate 0 10 1 >/dev/null || fail "it does not move any more"
end

begin "moves, refusals and calls passed on are counted, and a restart of the daemon forgets none"
counted() { # NODE WHAT...
	timeout 10 dvs -n "$1" nodes --json | python3 -c '
import json, sys
rows = json.load(sys.stdin)
assert all((row["counters"] is None) == (not row["self"]) for row in rows), rows
counters = [row["counters"] for row in rows if row["self"]][0]
print(*[counters["refusals"].get(what, 0) if what.startswith("E") else counters[what] for what in sys.argv[1:]])
' "${@:2}"
}
for _ in before after; do
	[[ $(counted 0 moves_begun moves_committed moves_rolled_back moves_refused) == "4 1 3 0" ]] || fail "$(timeout 10 dvs -n 0 nodes --json)"
	read -r total stopped interrupted < <(counted 0 moves_total_ns moves_stopped_ns EDVSINTR)
	((total > stopped && stopped > 0)) || fail "$total ns, of which the process stood still for $stopped"
	((interrupted >= 1)) || fail "no EDVSINTR: $(timeout 10 dvs -n 0 nodes --json)"
	(($(counted 1 calls_forwarded) >= 3)) || fail "$(timeout 10 dvs -n 1 nodes --json)"
	timeout 20 dvs -n 0 restart >/dev/null || fail "restart of node 0"
	timeout 20 dvs -n 1 restart >/dev/null || fail "restart of node 1"
done
timeout 10 dvs migrate 0 10 9 >/dev/null 2>&1 && fail "it moves to a node that there is not"
timeout 10 dvs -n 1 migrate 0 10 0 --dry-run >/dev/null || fail "it could not move"
[[ $(counted 1 moves_begun moves_committed moves_refused) == "0 0 0" ]] || fail "a dry run is counted: $(timeout 10 dvs -n 1 nodes --json)"
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
bogus dvs dc bogus 5
extra dvs dc list extra
x dvs stop x 10
EP dvs stop 0
x dvs kill 0 x
NOSIGNAL dvs kill 0 10 --signal NOSIGNAL
x dvs stop 0 10 --time x
x dvs lab cut 0 x
1 dvs lab cut 1 1
x dvs lab heal x 1
x dvs lab exec x
x dvs lab kill x
x dvs lab start x
x dvs lab restart x
99 dvs lab restart 99
extra dvs lab status extra
extra dvs lab down extra
nothing dvs lab nothing
x dvs lab up --nodes x
x dvs restart x
x dvs ps x
--waits dvs ps --proc --waits
x dvs run x 10
EP dvs run 0
5 dvs run --log-bytes 5 0 20 true
5 dvs lab up --log-bytes 5
x dvs_migrate -s 0 x
NODE dvs_migrate -c 0 10
x dvs_migrate -c 0 10 1 x
-s dvs_migrate 0 10
x dvs_run -l 0 x
-l dvs_run 0 10 true
--bogus dvs --bogus nodes
99 dvs -n 99 nodes
99999999999 dvs migrate 0 10 99999999999
x dvs drain x
x dvs dc rm x
nothing dvs nothing
LIST
while read -r command; do
	timeout 10 $command --json >"$tmp/out" 2>"$tmp/err"
	status=$?
	[[ $status == 1 ]] || fail "$command ends with $status"
	[[ $(field error <"$tmp/out") == EDVS* ]] || fail "$command: $(<"$tmp/out")"
	[[ $(wc -l <"$tmp/err") == 1 ]] || fail "$command: $(<"$tmp/err")"
done <<'LIST'
dvs logs 0 77
dvs dc create 0
dvs dc rm 30
dvs ps 30
dvs run 30 10 true
dvs drain 31
dvs stop 0 77
dvs kill 0 77
dvs -n 31 restart
dvs -n 31 nodes
dvs lab up
dvs lab kill 9
dvs lab cut 0 9
dvs lab exec 9 true
dvs_migrate -r 0 77
dvs_run -l 30 10 true
LIST
end

begin "--help of every verb and program is on standard output, with status 0"
while read -r command; do
	timeout 10 $command --help >"$tmp/out" 2>"$tmp/err" || fail "$command --help ends with $?: $(<"$tmp/err")"
	head -n 1 "$tmp/out" | grep -q "^usage: ${command%% *}" || fail "$command --help: $(<"$tmp/out")"
	[[ -s $tmp/err ]] && fail "$command --help: $(<"$tmp/err")"
done <<'LIST'
dvs
dvs nodes
dvs dc
dvs dc rm
dvs ps
dvs logs 0 --json
dvs run
dvs run --wait 0 10
dvs run --log-bytes 5000 0
dvs migrate
dvs drain
dvs restart
dvs stop
dvs kill 0 --signal HUP
dvs lab
dvs lab up
dvs lab down
dvs lab status
dvs lab exec
dvs lab exec 0
dvs lab cut
dvs lab heal
dvs key
dvs key make
dvs key rotate
dvs key show
dvs lab kill
dvs lab start
dvs lab restart
dvs_migrate
dvs_run
dvs_run -l 0
dvsd
dvsd --id 0
dvs-sequencer
dvs-sim
migr_server
migr_client
LIST
[[ $(timeout 10 dvs run 0 33 --wait -- printf %s --help 2>/dev/null) == --help ]] || fail "--help of a command is not its own"
end

begin "a wrong word of each program is named, and the status is 2"
while read -r word command; do
	timeout 10 $command >"$tmp/out" 2>"$tmp/err"
	status=$?
	[[ $status == 2 ]] || fail "$command ends with $status"
	head -n 1 "$tmp/err" | grep -q -e "$word" || fail "$command: $(<"$tmp/err")"
	[[ -s $tmp/out ]] && fail "$command: $(<"$tmp/out")"
done <<'LIST'
verb dvs
--id dvsd
--bogus dvsd --bogus
extra dvsd --id 0 extra
99 dvsd --id 99 --address 10.0.0.1 --group local:x --links plain
x dvsd --id x
address dvsd --id 0 --group local:x
300.1.1.1 dvsd --id 0 --address 300.1.1.1 --group local:x --links plain
70000 dvsd --id 0 --address 10.0.0.1 --group local:x --port 70000 --links plain
--group dvsd --id 0 --address 10.0.0.1
exclude dvsd --id 0 --address 10.0.0.1 --group local:x --links plain --key x
FILE dvs key make
one dvs key show a b
--links dvs lab up --links secure
log-bytes dvsd --id 0 --address 10.0.0.1 --group local:x --log-bytes 100 --links plain
name dvsd --id 0 --address 10.0.0.1 --group local:x --name 0123456789abcdef --links plain
--costs dvsd --costs --id 0
--socket dvs-sequencer
--bogus dvs-sequencer --bogus
extra dvs-sequencer --socket x extra
x dvs-sequencer --socket x --ready-fd x
--bogus dvs-sim --bogus
extra dvs-sim extra
12x dvs-sim --seeds 12x
--seed dvs-sim --seed
none dvs-sim --mutation none
--lab-switch dvs --lab-switch
x migr_server 0 x
extra migr_server 0 10 5 extra
x migr_client 0 x 10 16 1 0
missing migr_client 0
LIST
end

begin "dvs dc rm of a container with processes wants --force"
timeout 10 dvs dc create 5 >/dev/null
timeout 10 dvs run 5 10 -- sleep 1000 >/dev/null
timeout 10 dvs dc rm 5 >/dev/null 2>"$tmp/err" && fail "removed"
grep -q -- '--force.*EDVSBUSY' "$tmp/err" || fail "$(<"$tmp/err")"
timeout 10 dvs dc rm 5 --force >/dev/null || fail "not removed"
end

begin "a node that is in no container is named in the refusal, with the command that adds it, and takes processes then"
lab 3
timeout 10 dvs dc create 6 --nodes 0,1 >/dev/null || fail "not created"
timeout 10 dvs run 6 10 -- migr_server 6 10 16 >/dev/null || fail "not started"
timeout 10 dvs migrate 6 10 2 2>"$tmp/err" && fail "moved"
grep -q 'add it with dvs dc add 6 2 (EDVSDCNODE)' "$tmp/err" || fail "$(<"$tmp/err")"
timeout 10 dvs -n 2 run 6 11 -- sleep 1000 2>"$tmp/err" && fail "started"
grep -q 'dvs dc add' "$tmp/err" || fail "$(<"$tmp/err")"
timeout 10 dvs dc add 6 2 >/dev/null && timeout 10 dvs -n 2 dc add 6 2 >/dev/null || fail "not added, or not twice"
timeout 30 dvs migrate 6 10 2 >/dev/null || fail "not moved"
timeout 10 dvs run 6 11 --wait -- migr_client 6 11 10 64 3 0 | grep -q 'calls=3 failed=0' || fail "not called"
end

begin "a node that leaves a container keeps what runs there, and takes nothing new"
timeout 10 dvs dc leave 6 2 >"$tmp/out" && timeout 10 dvs dc leave 6 2 >"$tmp/out" || fail "it does not leave, or not twice: $(<"$tmp/out")"
timeout 10 dvs -n 2 run 6 12 -- sleep 1000 2>"$tmp/err" && fail "started"
grep -q 'dvs dc add' "$tmp/err" || fail "$(<"$tmp/err")"
timeout 10 dvs run 6 11 --wait -- migr_client 6 11 10 64 3 0 | grep -q 'calls=3 failed=0' || fail "not called"
timeout 30 dvs migrate 6 10 0 >/dev/null 2>"$tmp/err" || fail "it cannot move away: $(<"$tmp/err")"
timeout 30 dvs migrate 6 10 2 >/dev/null 2>&1 && fail "it moved back"
end

begin "dvs nodes shows the quorum, and its status whether all is well"
lab 3
timeout 10 dvs nodes >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
grep -q '^quorum: yes' "$tmp/out" || fail "$(<"$tmp/out")"
timeout 20 dvs lab kill 1 >/dev/null
await_death 0 1
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
