#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
#
# dvs stop and dvs kill: from any node, with a reason, during moves, and never another life; and dvs ps --all.
. "$(dirname "$0")/lib.bash"
lab 3

start() { # NODE EP WORDS...
	timeout 10 dvs -n "$1" run 0 "$2" -- "${@:3}" >/dev/null || fail "endpoint $2 not started"
}
patient() { start "$1" "$2" sh -c 'trap "" TERM; exec sleep 600'; }
gone() { [[ $(rows_of "$1") == "[]" ]]; }
is_shell() { [[ $(rows_of "$1" | field lpid | xargs -I{} cat /proc/{}/comm) == "$2" ]]; }

begin "stop: SIGTERM is enough, from another node, and the end is told"
start 1 40 sleep 600
timeout 5 dvs -n 0 stop 0 40 >"$tmp/out" 2>"$tmp/err" || fail "$(<"$tmp/err")"
[[ $(<"$tmp/out") == *"endpoint 40 (sleep) on node 1 has ended by SIGTERM"*"killed by SIGTERM"* ]] || fail "$(<"$tmp/out")"
gone 40 || fail "it is there still: $(rows_of 40)"
start 1 40 sh -c 'trap "exit 3" TERM; echo ready; while :; do sleep 0.02; done'
ready() { [[ $(dvs logs 0 40) == ready ]]; }
until_true 5 ready
said=$(timeout 5 dvs stop 0 40 --json) || fail "status $?"
[[ $(field ended_by <<<"$said") == TERM && $(field exit_status <<<"$said") == 3 && $(field endpoint <<<"$said") == 40 ]] || fail "$said"
end

begin "stop: SIGKILL after --time, and it says so"
patient 1 41
until_true 5 is_shell 41 sleep
SECONDS=0
said=$(timeout 8 dvs stop 0 41 --time 1 --json) || fail "status $?"
((SECONDS >= 1 && SECONDS < 5)) || fail "after $SECONDS s"
[[ $(field ended_by <<<"$said") == KILL && $(field signal <<<"$said") == SIGKILL && $(field exit_status <<<"$said") == None ]] || fail "$said"
gone 41 || fail "it is there still"
patient 0 41
until_true 5 is_shell 41 sleep
timeout 3 dvs stop 0 41 -t 0 >"$tmp/out" || fail "--time 0: $?"
grep -q 'ended by SIGKILL' "$tmp/out" || fail "$(<"$tmp/out")"
end

begin "stop: a process that is stopped ends by SIGTERM too"
start 0 42 sh -c 'trap "exit 5" TERM; echo ready; while :; do sleep 0.02; done'
until_true 5 eval 'timeout 5 dvs logs 0 42 | grep -q ready' || fail "it does not begin"
timeout 5 dvs kill 0 42 --signal STOP >/dev/null || fail "STOP: $?"
said=$(timeout 5 dvs stop 0 42 --json)
[[ $(field ended_by <<<"$said") == TERM && $(field exit_status <<<"$said") == 5 ]] || fail "$said"
end

begin "stop: a process that moves meanwhile"
patient 0 43
until_true 5 is_shell 43 sleep
timeout 10 dvs stop 0 43 --time 2 --json >"$tmp/out" 2>"$tmp/err" &
sleep 0.3
move 43 1
wait $! || fail "$(<"$tmp/err")"
[[ $(field ended_by <"$tmp/out") == KILL && $(field node <"$tmp/out") == 1 ]] || fail "$(<"$tmp/out")"
gone 43 || fail "it is there still"
for i in {1..6}; do
	start 0 43 sleep 600
	dvs migrate 0 43 1 >/dev/null 2>&1 &
	timeout 5 dvs -n $((i % 2)) stop 0 43 >"$tmp/out" 2>"$tmp/err" || fail "$(<"$tmp/err")"
	wait $!
	gone 43 || fail "it survived"
done
end

begin "kill: SIGKILL, or the signal named"
start 1 44 sh -c 'trap "echo first" USR1; trap "echo second" RTMIN+2; echo ready; while :; do sleep 0.02; done'
says() { [[ $(dvs logs 0 44) == *"$1"* ]]; }
until_true 5 says ready
timeout 5 dvs kill 0 44 --signal USR1 >"$tmp/out" || fail "USR1: $?"
grep -q 'SIGUSR1 sent to endpoint 44 (sh) on node 1, lpid=' "$tmp/out" || fail "$(<"$tmp/out")"
until_true 5 says first || fail "not seen: $(dvs logs 0 44)"
said=$(timeout 5 dvs -n 0 kill 0 44 -s sigkill --json) || fail "KILL: $?"
[[ $(field signal <<<"$said") == SIGKILL && $(field node <<<"$said") == 1 ]] || fail "$said"
until_true 5 gone 44 || fail "it lives"
start 1 44 sleep 600
timeout 5 dvs kill 0 44 >/dev/null || fail "without a name: $?"
until_true 5 gone 44 || fail "it lives without a name"
end

begin "stop and kill: what is refused"
for verb in stop kill; do
	for ep in 44 4000 -99; do
		timeout 5 dvs $verb 0 $ep >/dev/null 2>"$tmp/err"
		[[ $? == 1 ]] && grep -q EDVSNOTBIND "$tmp/err" || fail "$verb $ep: $(<"$tmp/err")"
	done
	timeout 5 dvs $verb 7 1 >/dev/null 2>"$tmp/err"
	[[ $? == 1 ]] && grep -q EDVSDCNOTRUN "$tmp/err" || fail "$verb in DC 7: $(<"$tmp/err")"
	timeout 5 dvs $verb 0 --json 2>/dev/null | grep -q '"error": "EDVSINVAL"' || fail "$verb: no document"
done
timeout 5 dvs kill 0 40 --signal TERMINATE >/dev/null 2>&1
[[ $? == 2 ]] || fail "a signal that there is none of"
timeout 5 dvs stop 0 40 --time -1 >/dev/null 2>&1
[[ $? == 2 ]] || fail "a negative time"
end

begin "stop: given up, it says what was sent"
patient 0 45
until_true 5 is_shell 45 sleep
timeout -s INT 0.5 dvs stop 0 45 2>"$tmp/err"
grep -q 'interrupted.*SIGTERM.*SIGKILL was not sent (EDVSINTR)' "$tmp/err" || fail "$(<"$tmp/err")"
[[ $(owner 45) == 0 ]] || fail "it has gone"
timeout 5 dvs kill 0 45 >/dev/null
end

# One field of the newest row that has ended at an endpoint of DC 1.
of_ended() { # EP FIELD
	dvs ps 1 --all --json | python3 -c 'import json,sys
rows=[r for r in json.load(sys.stdin) if r["p_nr"]==int(sys.argv[1]) and r["state"]=="ended"]
print(max(rows, key=lambda r: r["ended_ns"])[sys.argv[2]] if rows else "no row")' "$1" "$2"
}
ends_as() { # EP REASON
	until_true $((5 + detector)) reason_is "$@" || fail "endpoint $1: $(of_ended "$1" reason)"
}
reason_is() { [[ $(of_ended "$1" reason) == "$2" ]]; }
run1() { timeout 10 dvs -n "$1" run 1 "$2" -- "${@:3}" >/dev/null || fail "not started: ${*:3}"; }
count_ended() { dvs ps 1 --all --json | python3 -c 'import json,sys; print(sum(r["state"]=="ended" for r in json.load(sys.stdin)))'; }

begin "ps --all: how and why what has ended did so"
timeout 10 dvs dc create 1 >/dev/null
run1 1 10 sh -c 'exit 7'
ends_as 10 "exited with 7"
[[ $(of_ended 10 exit_status) == 7 && $(of_ended 10 node) == 1 && $(of_ended 10 name) == sh && $(of_ended 10 signal) == None ]] || fail "$(dvs ps 1 --all --json)"
run1 0 11 sh -c 'kill -SEGV $$'
until_true 5 reason_is 11 "killed by SIGSEGV" || ends_as 11 "killed by SIGSEGV (core dumped)"
[[ $(of_ended 11 signal) == SIGSEGV ]] || fail "$(of_ended 11 signal)"
run1 0 12 sleep 600
timeout 10 dvs migrate 1 12 1 >/dev/null || fail "does not move"
[[ $(of_ended 12 reason) == "no row" ]] || fail "what has moved has not ended"
timeout 10 dvs stop 1 12 >/dev/null
ends_as 12 "killed by SIGTERM (dvs stop)"
run1 1 12 sleep 600
timeout 10 dvs kill 1 12 --signal QUIT >/dev/null
until_true 5 reason_is 12 "killed by SIGQUIT (dvs kill)" || ends_as 12 "killed by SIGQUIT (core dumped) (dvs kill)"
dvs -n 0 ps 1 --all >"$tmp/out"
grep -q 'exited with 7 .* ago' "$tmp/out" || fail "$(<"$tmp/out")"
timeout 10 dvs run 1 13 -- /nonexistent >/dev/null 2>&1
[[ $(of_ended 13 reason) == "no row" ]] || fail "a command that was never executed: $(of_ended 13 reason)"
end

begin "ps --all: outlives a restart of the daemon, and ends with the DC"
before=$(dvs ps 1 --all --json)
timeout 20 dvs -n 1 restart >/dev/null || fail "no restart"
[[ $(dvs ps 1 --all --json) == "$before" ]] || fail "before $before, after $(dvs ps 1 --all --json)"
for i in {1..70}; do run1 0 $((20 + i)) true; done
none_runs() { [[ $(dvs ps 1 --json) == "[]" ]]; }
until_true 5 none_runs || fail "it runs still: $(dvs ps 1)"
# 64 of node 0, and the 3 of node 1.
[[ $(count_ended) == 67 ]] || fail "$(count_ended) are kept"
timeout 10 dvs dc rm 1 >/dev/null && timeout 10 dvs dc create 1 >/dev/null
[[ $(dvs ps 1 --all --json) == "[]" ]] || fail "kept: $(dvs ps 1 --all --json)"
end

begin "ps --all: what was lost with its node"
run1 1 15 sleep 600
timeout 10 dvs lab kill 1 >/dev/null
ends_as 15 "lost with node 1"
[[ $(of_ended 15 node) == 1 && $(of_ended 15 name) == sleep && $(of_ended 15 exit_status) == None ]] || fail "$(dvs ps 1 --all --json)"
timeout 20 dvs lab start 1 >/dev/null || fail "node 1 does not come back"
reason_is 15 "lost with node 1" || fail "forgotten: $(of_ended 15 reason)"
end

begin "logs: of the last life, also if an earlier one ended on another node"
run1 0 30 echo first
ends_as 30 "exited with 0"
[[ $(dvs -n 1 logs 1 30) == first ]] || fail "$(dvs -n 1 logs 1 30 2>&1)"
run1 1 30 echo second
last() { [[ $(dvs -n "$1" logs 1 30 2>&1) == second ]]; }
until_true 5 last 0 || fail "node 0 says: $(dvs -n 0 logs 1 30 2>&1)"
last 1 || fail "node 1 says: $(dvs -n 1 logs 1 30 2>&1)"
end

finish
