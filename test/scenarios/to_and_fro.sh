#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
#
# A server moves a hundred times while eight clients on all nodes call it. Afterwards the daemons have
# no more descriptors than before, and memory does not grow with the number of moves.
. "$(dirname "$0")/lib.bash"
lab 3

begin "100 moves to and fro under 8 clients"
server 1 10 512
clients=()
for i in {0..7}; do
	client $((i % 3)) $((100 + i)) 10 on 0.004
	clients+=($((100 + i)))
done
sleep 0.3
for ((turn = 1; turn <= 100; turn++)); do
	to=$(((turn + 1) % 3))
	move 10 $to || break
	case $turn in
	10) for n in 0 1 2; do fds[n]=$(daemon_fds $n) kb[n]=$(daemon_kb $n); done ;;
	esac
	sleep 0.02
done
for n in 0 1 2; do
	now=$(daemon_fds $n)
	((now <= fds[n] + 8)) || fail "node $n has $now descriptors after 100 moves, ${fds[n]} after 10"
	now=$(daemon_kb $n)
	((now <= kb[n] + 4096)) || fail "node $n holds $now kB after 100 moves, ${kb[n]} after 10"
done
client_ok "${clients[@]}"
check_tables 10=$to
check_processes migr_server $to
end

begin "one server leaves as many descriptors as it brought"
kill "$(lpid_of 10)"
check_tables
for n in 0 1 2; do
	before=${fds[n]}
	now=$(daemon_fds $n)
	((now <= before)) || fail "node $n: $now descriptors without processes, $before with"
done
end

# What is left of a stay (its number, which its end has to free first) is in the way of none that begins
# as soon as the last move is reported, on nodes whose CPUs are wanted by others.
begin "60 moves, each begun as soon as the last one is reported, on busy nodes"
server 0 12 64
for n in 0 1; do
	timeout 10 dvs -n $n run 0 $((20 + n)) -- sh -c 'while :; do :; done' >/dev/null 2>"$tmp/err" ||
		fail "load on node $n: $(<"$tmp/err")"
done
for ((turn = 1; turn <= 60; turn++)); do
	move 12 $((turn % 2)) || break
done
client 2 110 12 20 0
client_ok 110
end
finish
