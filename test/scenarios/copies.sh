#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 110
#
# Large copies between nodes: with whoever asks on any node, while the party moves, the network is cut
# or a party dies, and with small calls beside them.
#
#	node 0 ---------- node 1 ---------- node 2
#	clients           server 10         clients
#	server 9          clients
. "$(dirname "$0")/lib.bash"
MOST=1048576 # bytes of a call, there and back

lab 3
classic
timeout 60 "$build/test/conformance/conform_copy" 1,0,1 0,1,2 || failed=1

begin "large copies follow a server that moves, through two cuts"
server 1 10 512
server 0 9 512
for ep in 11 12; do client 0 $ep 10 60 0 $MOST; done
for ep in 13 14; do client 2 $ep 10 60 0 $MOST; done
client 1 31 9 60 0 $MOST
sleep 0.2
for ((turn = 1; turn <= 8; turn++)); do
	to=$(((turn + 1) % 3))
	move 10 $to || break
done
for _ in 1 2; do
	cut_links 0 2
	sleep 0.3
	heal_links 0 2
	sleep 0.2
done
client_ok 11 12 13 14 31
end

begin "a party that is killed ends its own copies only"
client 0 15 10 100000 0 $MOST
client 2 16 10 80 0 $MOST
until_true 10 has_called 15 0 || fail "it does not copy"
kill -9 "$(pgrep -P "${client_pid[15]}" || echo "${client_pid[15]}")"
wait "${client_pid[15]}" 2>/dev/null
client_ok 16
check_tables 10=$to 9=0
end

begin "small calls pass large copies on a slow link"
for n in 0 1; do
	timeout 10 dvs lab exec $n -- tc qdisc replace dev eth0 root tbf rate 200mbit burst 64kb latency 20ms ||
		fail "node $n: the link is not slow"
done
client 1 32 9 20 0 $MOST
client 1 33 9 20 0 $MOST
client 1 17 9 300 0.002 0
client_ok 17
jobs -p | grep -qx "${client_pid[32]}" || fail "the copies did not last as long as the calls"
client_ok 32 33
for n in 0 1; do timeout 10 dvs lab exec $n -- tc qdisc del dev eth0 root; done
end
finish
