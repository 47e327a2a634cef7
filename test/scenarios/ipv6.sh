#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# Nodes that have IPv6 alone between them: moves to and fro under calls, a link that is cut and healed, a node that dies
# and comes back, and a stranger with a whole /64 at a node's port.
. "$(dirname "$0")/lib.bash"
[[ -e /proc/net/if_inet6 ]] || { echo 'skip - there is no IPv6'; exit 77; }
lab 3 --ipv6
only_v6() { # NODE
	dvs lab exec "$1" -- ip -4 address flush dev eth0 2>"$tmp/err" || fail "$(<"$tmp/err")"
}
for node in 0 1 2; do only_v6 $node; done

begin "all links are of IPv6, and the tables show its addresses"
[[ $(dvs -n 0 nodes | grep -c ' up .* fd77::[123] ') == 3 ]] || fail "$(dvs -n 0 nodes)"
[[ $(dvs lab status --json | python3 -c 'import json, sys; print(*(n["address"] for n in json.load(sys.stdin)["nodes"]))') == "fd77::1 fd77::2 fd77::3" ]] ||
	fail "$(dvs lab status)"
dvs lab exec 1 -- ss -tnH sport = :7700 or dport = :7700 >"$tmp/out"
[[ $(grep -c 'fd77::' "$tmp/out") -ge 2 ]] && ! grep -q '10\.77' "$tmp/out" || fail "$(<"$tmp/out")"
end

begin "a server moves to and fro under calls"
server 0 10 64
client 0 11 10 500 0.002
client 2 12 10 500 0.002 65536
for to in 1 2 0 1; do move 10 $to; done
client_ok 11 12
check_tables 10=1
end

begin "a call across a cut link waits for its healing"
client 0 13 10 on 0.002
calling 13
cut_links 0 1
sleep 1
heal_links 0 1
client_ok 13
end

begin "a node that died comes back at its address"
dvs lab kill 2 >/dev/null 2>"$tmp/err" && dvs lab start 2 >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
client 2 14 10 20 0
client_ok 14
end

# Connections of strangers that node 1 keeps.
kept() { dvs lab exec 1 -- ss -tnH state established sport = :7700 | grep -c 'fd77::f:'; }
has_kept() { (($(kept) == $1)); }
begin "a stranger with a whole /64 has no more connections than one with one address, and no node is kept out"
dvs lab exec 0 -- python3 - >"$tmp/flood" 2>&1 <<'P' &
import os, socket, subprocess, time
for n in range(1, 61):
    subprocess.run(["ip", "address", "add", f"fd77::f:{n}/64", "dev", "eth0", "nodad"], check=True)
kept = []
for n in range(1, 61):
    s = socket.socket(socket.AF_INET6)
    s.bind((f"fd77::f:{n}", 0))
    s.connect(("fd77::2", 7700))
    kept.append(s)
print("there", flush=True)
time.sleep(1)
P
flood=$!
until_true 10 grep -q there "$tmp/flood" || fail "$(<"$tmp/flood")"
(($(kept) <= 32)) || fail "$(kept) connections are kept"
move 10 2
move 10 1
wait $flood
grep -q 'connection from fd77::f:[0-9a-f]* was refused: it proves nothing, as others from there' /run/dvs/lab/node1.log ||
	fail "$(tail -n 3 /run/dvs/lab/node1.log)"
(($(grep -c 'connection from fd77::f:' /run/dvs/lab/node1.log) <= 2)) || fail "each address has a line in the log"
until_true 5 has_kept 0 || fail "connections are left"
client 0 15 10 20 0
client_ok 15
end
finish
