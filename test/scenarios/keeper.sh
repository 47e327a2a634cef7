#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# A daemon that dies: its keeper makes another one, which takes over the processes, pages and the place in the order. Local
# conversations do not notice, remote ones pause; no call is lost or done twice. When the keeper dies the node does.
. "$(dirname "$0")/lib.bash"

# Kills the daemon of a node, and waits for the next one.
daemon_dies() { # NODE
	local old keeper
	keeper=$(keeper_pid "$1") old=$(daemon_below "$keeper")
	kill -KILL "$old" || fail "no daemon of node $1"
	until_true 5 follows "$keeper" "$old" || fail "no daemon follows: $(tail -n 3 "/run/dvs/lab/node$1.log")"
}
follows() { # KEEPER OLD
	local now
	now=$(daemon_below "$1")
	[[ $now && $now != "$2" ]]
}
answers() { timeout 5 dvs -n "$1" ps >/dev/null 2>&1; }

lab 3
begin "three deaths under calls on the node and to it: all are answered once, and no process ends"
server 1 10 64
server 1 14 0
lpids="$(lpid_of 10) $(lpid_of 14)"
client 1 11 14 8000 0 0
client 1 12 10 400 0.003
client 0 13 10 400 0.003 65536
client 2 15 14 1000 0.001 0
sleep 0.4
for i in 1 2 3; do
	daemon_dies 1
	until_true 5 answers 1 || fail "it does not answer: $(tail -n 3 /run/dvs/lab/node1.log)"
	sleep 0.3
done
client_ok 11 12 13 15
[[ "$(lpid_of 10) $(lpid_of 14)" == "$lpids" ]] || fail "pids have changed"
check_tables 10=1 14=1
end

begin "the next daemon does what the one before did: it runs, moves, tells of ends, and is restarted"
timeout 10 dvs -n 1 run 0 20 --wait -- true >/dev/null 2>"$tmp/err" || fail "run: $(<"$tmp/err")"
client 0 16 10 200 0.003
move 10 2
move 10 1
timeout 20 dvs -n 1 restart >/dev/null 2>"$tmp/err" || fail "restart: $(<"$tmp/err")"
daemon_dies 1
until_true 5 answers 1
move 10 0
client_ok 16
kill -KILL "$(lpid_of 14)"
until_true 5 eval '[[ $(rows_of 14) == "[]" ]]' || fail "its end is not told"
end

begin "an observer stays attached, and an end that nobody was there to hear is told"
timeout 60 dvs -n 1 run 0 21 --wait -- sh -c 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.3; done; exit 7' >"$tmp/out" 2>"$tmp/err" &
attendant=$!
until_true 10 grep -qs 1 "$tmp/out" || fail "it does not begin"
timeout 10 dvs -n 1 run 0 22 -- sleep 1000 >/dev/null || fail "run 22"
daemon_dies 1
wait "$attendant"
[[ $? == 7 && $(xargs <"$tmp/out") == "1 2 3 4 5 6" ]] || fail "attended: $(xargs <"$tmp/out") $(<"$tmp/err")"
pid=$(lpid_of 22)
keeper=$(keeper_pid 1) old=$(daemon_below "$keeper")
kill -STOP "$old"
kill -KILL "$pid" "$old"
until_true 5 eval '[[ $(rows_of 22) == "[]" ]]' || fail "22 is still there"
end

begin "a look that a death cuts off is answered by the next daemon, and what changes something is not asked twice"
# They have come to node 1, which waits for node 2.
server 2 17 0
far=$(daemon_pid 2)
looks=("logs 0 17" "logs 0 17 --json") asked=()
keeper=$(keeper_pid 1) old=$(daemon_below "$keeper")
sockets() { ls -l "/proc/$old/fd" | grep -c socket; }
had=$(sockets)
wait_there() { (($(sockets) >= had + $1)); }
kill -STOP "$far"
dvs -n 1 kill 0 17 --signal URG >"$tmp/kill" 2>&1 & changes=$!
until_true 5 wait_there 1 || fail "nothing waits"
for i in "${!looks[@]}"; do
	# shellcheck disable=SC2086 # words
	dvs -n 1 ${looks[i]} >"$tmp/look$i" 2>&1 & asked+=($!)
done
# Where the machine is slow they are answered before that, after half a second, without node 2.
until_true 1 wait_there 3
kill -KILL "$old"
until_true 5 follows "$keeper" "$old" || fail "no daemon follows"
kill -CONT "$far"
for i in "${!looks[@]}"; do wait "${asked[i]}" || fail "dvs ${looks[i]}: $(<"$tmp/look$i")"; done
wait "$changes" && fail "a signal is sent twice"
grep -q 'ended before it had answered' "$tmp/kill" || fail "$(<"$tmp/kill")"
end

timeout 30 dvs lab down >/dev/null
lab 3
begin "what the group decided meanwhile is honoured first"
server 0 10 0
server 1 11 0
client 1 12 10 400 0.002
client 1 13 11 400 0.002
sleep 0.2
keeper=$(keeper_pid 1) old=$(daemon_below "$keeper")
kill -STOP "$old"
timeout 10 dvs -n 0 run 0 30 -- sleep 1000 >/dev/null 2>"$tmp/err" || fail "run 30: $(<"$tmp/err")"
timeout 10 dvs -n 0 run 0 31 -- sleep 1000 >/dev/null 2>"$tmp/err" || fail "run 31: $(<"$tmp/err")"
kill -KILL "$old"
until_true 5 answers 1
client_ok 12 13
check_tables 10=0 11=1 30=0 31=0
end

begin "when the keeper dies the node does, as ever"
kill -KILL "$(keeper_pid 1)"
check_tables 10=0 30=0 31=0
check_processes migr_server 0
! pgrep -f -- '--dc-init [0-9]* 1$' >/dev/null || fail "an init of node 1 is left"
end

timeout 30 dvs lab down >/dev/null
lab 1
begin "daemons that die one after the other end the node"
server 0 10 0
for _ in {1..5}; do
	old=$(daemon_pid 0)
	kill -KILL "$old" 2>/dev/null
	until_true 5 ended "$old"
	until_true 2 answers 0
done
until_true 5 eval '! pgrep -x dvs-keeper >/dev/null' || fail "there is a keeper"
until_true 5 eval '! pgrep -x migr_server >/dev/null' || fail "the server runs on"
end
finish
