#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 100
#
# A container's init that does not answer holds up nobody but the commands that need it, and these end with a true
# sentence. What was refused leaves nothing behind.
. "$(dirname "$0")/lib.bash"
lab 2

# The init of a container on a node.
init_of() { pgrep -f -P "$(pgrep -o -f "dvsd.* --id $1( |$)")" -- "--dc-init $2 $1"; }
ms() { echo $(($(date +%s%N) / 1000000)); }
# The fastest of five, because the machine may have other things to do.
fastest() { # COMMAND...
	local best=100000 start took i
	for ((i = 0; i < 5; i++)); do
		start=$(ms)
		"$@" >"$tmp/out" 2>"$tmp/err" || fail "$*: $(<"$tmp/err")"
		took=$(($(ms) - start))
		((took >= best)) || best=$took
	done
	((best < 500)) || fail "$* takes $best ms"
}

another_container() { dvs -n 1 dc create 6 && dvs -n 1 dc rm 6; }

timeout 10 dvs dc create 5 >/dev/null || not_ok "a second container" "not created"
timeout 10 dvs -n 1 run 0 40 -- sleep 7781 >/dev/null || not_ok "a process" "not started"
timeout 10 dvs -n 0 run 0 41 -- sleep 7782 >/dev/null || not_ok "a process" "not started"
init=$(init_of 1 0)

begin "while a run waits for a stopped init, its node answers everything else at once"
kill -STOP "$init" || fail "no init"
(timeout 20 dvs -n 1 run 0 20 -- sleep 7783 >"$tmp/run" 2>&1; echo "$?" >"$tmp/run.status") &
sleep 0.2
fastest dvs -n 1 nodes
[[ ! -e $tmp/run.status ]] || fail "the run did not wait: $(<"$tmp/run")"
fastest dvs -n 1 run 5 20 --wait -- true
fastest another_container
fastest dvs -n 1 ps 0
end

begin "the run ends in time, with the reason and the remedy"
until_true 6 test -s "$tmp/run.status" || fail "it still waits"
[[ $(<"$tmp/run.status") == 1 ]] || fail "status $(<"$tmp/run.status")"
grep -q "process $init, the init of DC 0 on this node, has not answered for .*kill -CONT $init" "$tmp/run" ||
	fail "it says: $(<"$tmp/run")"
end

begin "a process does not move to a silent init, and goes on where it was"
timeout 30 dvs migrate 0 41 1 >/dev/null 2>"$tmp/err" && fail "it moved"
grep -q 'the init of DC 0 on this node, has not answered' "$tmp/err" || fail "it says: $(<"$tmp/err")"
timeout 10 dvs ps 0 | grep -q '7782\|sleep' || fail "it is gone"
pgrep -f 'sleep 7782' >/dev/null || fail "it has ended"
end

begin "a daemon does not execute itself anew while an init owes it an answer"
timeout 20 dvs -n 1 restart >/dev/null 2>"$tmp/err" && fail "it did"
grep -q "process $init, the init of DC 0, has not answered yet" "$tmp/err" || fail "it says: $(<"$tmp/err")"
end

begin "when it goes on the container is whole, and what was refused is not there"
pgrep -f 'sleep 7781' >/dev/null || fail "its process has ended"
kill -CONT "$init"
timeout 10 dvs -n 1 run 0 20 -- sleep 7784 >/dev/null 2>"$tmp/err" || fail "not started: $(<"$tmp/err")"
timeout 30 dvs migrate 0 41 1 >/dev/null 2>"$tmp/err" || fail "does not move: $(<"$tmp/err")"
! pgrep -f 'sleep 7783' >/dev/null || fail "what was refused runs"
timeout 20 dvs -n 1 restart >/dev/null 2>"$tmp/err" || fail "no restart: $(<"$tmp/err")"
timeout 10 dvs -n 1 run 0 21 --wait -- true >/dev/null 2>"$tmp/err" || fail "not started after a restart: $(<"$tmp/err")"
[[ $(pgrep -c -P "$init") == 3 ]] || fail "the init has $(pgrep -c -P "$init") children: $(pgrep -a -P "$init")"
end

begin "a container whose init is silent is removed at once, and made again"
kill -STOP "$init"
start=$(ms)
timeout 10 dvs dc rm 0 --force >/dev/null 2>"$tmp/err" || fail "not removed: $(<"$tmp/err")"
(($(ms) - start < 1000)) || fail "removed after $(($(ms) - start)) ms"
gone() { ! kill -0 "$init" 2>/dev/null; }
until_true 5 gone || fail "its init is still there"
timeout 10 dvs dc create 0 >/dev/null 2>"$tmp/err" || fail "not made: $(<"$tmp/err")"
timeout 10 dvs -n 1 run 0 20 --wait -- true 2>"$tmp/err" || fail "not started: $(<"$tmp/err")"
end

begin "a slot is free, everywhere, when the word comes that its command could not be executed"
export DVS_FAULT=init-collect:stop # long before its init says that the process is gone
lab 2
unset DVS_FAULT
timeout 10 dvs -n 1 run 0 50 -- /no/such/command >/dev/null 2>"$tmp/err" && fail "it was executed"
grep -q 'could not execute it: No such file' "$tmp/err" || fail "it says: $(<"$tmp/err")"
timeout 10 dvs -n 0 run 0 50 -- sleep 7785 >/dev/null 2>"$tmp/err" || fail "on another node: $(<"$tmp/err")"
timeout 10 dvs -n 1 run 0 51 -- /no/such/command >/dev/null 2>&1 && fail "it was executed"
timeout 10 dvs -n 1 run 0 51 -- sleep 7786 >/dev/null 2>"$tmp/err" || fail "on the same node: $(<"$tmp/err")"
sleep 1.5 # its late word is nobody's end
pgrep -f 'sleep 7785' >/dev/null && pgrep -f 'sleep 7786' >/dev/null || fail "what runs there now has ended"
[[ $(dvs ps 0 | grep -c sleep) == 2 ]] || fail "not both are there: $(dvs ps 0)"
end

finish
