#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# Messages while the network or a node goes away: a cut loses nothing, a dead node ends its waits.
#
#	node 0 ------ cut, heal ------ node 1        node 2
#	clients                        server 10     looks on
. "$(dirname "$0")/lib.bash"

died() { # NAME: the first error in its output is one of death
	local line
	line=$(grep -m 1 "error" "$1")
	case $line in
	*"error -105" | *"error -108" | *"error -109") ;;
	*) fail "client: ${line:-$(tail -n 1 "$1")}" ;;
	esac
}
knows_nothing_of() { # NODE EP
	! timeout 10 dvs -n "$1" ps 0 --json | grep -q "\"p_nr\": *$2[,}]"
}

lab 3
begin "three cuts under calls lose nothing"
server 1 10 64
client 0 11 10 on 0.003
client 0 40 10 on 0.003
for _ in 1 2 3; do
	calling 11 40
	timeout 10 dvs lab cut 0 1 >/dev/null || fail "lab cut"
	sleep 0.5
	timeout 10 dvs lab heal 0 1 >/dev/null || fail "lab heal"
done
client_ok 11 40
check_tables 10=1
end

begin "a link that is cut is seen to be silent before it is given up"
silent() { timeout 10 dvs -n "$1" nodes | grep -q "^ *$2 .*silent"; }
cut_links 0 2
until_true 4 silent 0 2 || fail "$(timeout 10 dvs -n 0 nodes)"
silent 0 1 && fail "node 1 is heard"
heal_links 0 2
end

begin "the caller of a node that dies hears of it at once"
client 0 12 10 100000 0.001
calling 12
start=$(date +%s%N)
timeout 10 dvs lab kill 1 >/dev/null || fail "lab kill"
wait "${client_pid[12]}"
took=$((($(date +%s%N) - start) / 1000000))
died "$tmp/client.12"
((took < 1500 + 1000 * detector)) || fail "it took $took ms, with the 100 calls it tries again"
end

begin "every node forgets the endpoints of a node that dies"
until_true $((2 + detector)) knows_nothing_of 0 10 || fail "node 0 knows endpoint 10"
until_true $((2 + detector)) knows_nothing_of 2 10 || fail "node 2 knows endpoint 10"
check_tables
end

begin "a node comes back and serves again"
timeout 20 dvs lab start 1 >/dev/null || fail "lab start"
server 1 10 64
client 0 13 10 200 0.001
client 2 14 10 200 0.001
client_ok 13 14
end
finish
