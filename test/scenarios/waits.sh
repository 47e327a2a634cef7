#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# alone
# timeout: 120
#
# Who waits for whom: rings of any length, on one node and across three, are refused once and only
# there; dvs ps --waits shows the graph; those that wait are served in the order in which they came.
. "$(dirname "$0")/lib.bash"
lab 3

PYTHONPATH=$(dirname "$0") DVS_BUILD=$build timeout 100 python3 - <<'PYTHON' || failed=1
import json
import subprocess
import sys
import time
from puppets import Account, Puppet

NONE, ANY, LOCKED, TIMEDOUT = 27342, 31438, -101, -61


def waits():
    answer = subprocess.run(["dvs", "ps", "0", "--waits", "--json"], capture_output=True, timeout=10, check=True)
    return {row["endpoint"]: row for row in json.loads(answer.stdout)}


def blocked(endpoints, seconds=5):
    """Waits until all of them are seen to wait."""
    end = time.monotonic() + seconds
    while not set(endpoints) <= set(waits()):
        assert time.monotonic() < end, f"{endpoints} do not all wait: {waits()}"
        time.sleep(0.02)


def ring(nodes, orders, name):
    """One puppet per node of the list; number i does orders[i] towards number i + 1."""
    with Account(name) as account:
        puppets = [Puppet(node) for node in nodes]
        # A slot that was used before has another number now.
        slots = [puppet.bind(0, slot) for slot, puppet in enumerate(puppets, 1)]
        begin = time.monotonic()
        for i, puppet in enumerate(puppets):
            order = orders[i % len(orders)].format(slots[(i + 1) % len(slots)])
            puppet.tell(order)
        # One is refused; it then takes its predecessor's message, and so on round the ring.
        loser, took = None, 0.0
        while loser is None and time.monotonic() - begin < 5:
            for i, puppet in enumerate(puppets):
                answer = puppet.hear(0.005)
                if answer and loser is None:
                    loser, took = i, time.monotonic() - begin
                    account.check(answer[0] == LOCKED, f"{slots[i]} got {answer}")
        account.check(loser is not None, "nobody was refused")
        account.check(took < 1.0, f"only after {took:.2f} s")
        i = loser
        for _ in range(len(puppets) - 1):
            before = (i - 1) % len(puppets)
            answer = puppets[i].ask(f"receive {slots[before]} 3000")
            account.check(answer == 0, f"{slots[i]} receives {answer}")
            if "sendrec" in orders[before % len(orders)]:
                answer = puppets[i].ask(f"send {slots[before]} 99 3000")
                account.check(answer == 0, f"{slots[i]} answers with {answer}")
            answer = puppets[before].hear(3)
            account.check(answer and answer[0] == 0, f"{slots[before]} ends with {answer}")
            i = before
        for puppet in puppets:
            puppet.end()
    time.sleep(0.1)


send, call = "send {} 7 -1", "sendrec {} 7 -1"
ring([0, 0], [send], "a ring of two senders on one node")
ring([0, 1], [send], "a ring of two senders on two nodes")
ring([0, 0, 0], [send], "a ring of three senders on one node")
ring([0, 0, 0], [call], "a ring of three callers on one node")
ring([0, 1, 2], [send, call, call], "a ring of three on three nodes")
ring([0, 1, 2, 0, 1, 2, 1], ["send {} 7 20000", "sendrec {} 7 20000"], "a ring of seven on three nodes, with time-outs")

with Account("a chain is no ring: nobody is refused, and the graph shows it") as account:
    a, b, c = Puppet(0), Puppet(1), Puppet(0)
    e, f, g = a.bind(0, 1), b.bind(0, 2), c.bind(0, 3)
    a.tell(f"sendrec {f} 7 700")
    b.tell(f"send {g} 7 700")
    blocked([e, f])
    graph = waits()
    account.check(graph[e]["for"] == f and graph[e]["how"] == "calls" and not graph[e]["ring"], f"{graph[e]}")
    account.check(graph[f]["for"] == g and graph[f]["how"] == "sends to" and not graph[f]["ring"], f"{graph[f]}")
    account.check(g not in graph, "one that does not wait is shown")
    account.check(a.hear(3)[0] == TIMEDOUT, "a caller in a chain was not timed out")
    account.check(b.hear(3)[0] == TIMEDOUT, "a sender in a chain was not timed out")

with Account("two that receive from each other are shown as a ring, and left alone") as account:
    a.tell(f"receive {f} 700")
    b.tell(f"receive {e} 700")
    blocked([e, f])
    graph = waits()
    account.check(graph[e]["ring"] and graph[f]["ring"], f"{graph}")
    people = subprocess.run(["dvs", "ps", "--waits"], capture_output=True, text=True, timeout=10).stdout
    account.check(f"{e} -> {f} -> {e}" in people or f"{f} -> {e} -> {f}" in people, people)
    account.check(a.hear(3)[0] == TIMEDOUT and b.hear(3)[0] == TIMEDOUT, "not timed out")

with Account("a caller whose server is slow waits for as long as it takes") as account:
    a.tell(f"sendrec {f} 7 -1")
    account.check(b.ask(f"receive {e} 3000") == 0, "the server does not get the request")
    time.sleep(1.5)
    account.check(b.ask(f"send {e} 8 3000") == 0, "the answer")
    answer = a.hear(3)
    account.check(answer and answer[0] == 0 and answer[2] == 8, f"{answer}")
for puppet in (a, b, c):
    puppet.end()
time.sleep(0.1)

with Account("senders from three nodes are served in the order in which they came") as account:
    server = Puppet(0)
    receiver = server.bind(0, 20)
    clients = {}
    for slot in (7, 3, 9, 1, 8, 2, 6, 4, 5):
        puppet = Puppet(slot % 3)
        clients[puppet.bind(0, slot)] = puppet
        puppet.ask(f"send {receiver} 1 0")  # opens the channel; nobody receives
    order = list(clients)
    for endpoint in order:
        clients[endpoint].tell(f"send {receiver} 5 -1")
        blocked([endpoint])
        time.sleep(0.02)
    served = []
    for _ in order:
        server.tell(f"receive {ANY} 3000")
        served.append(server.hear(5)[1])
    account.check(served == order, f"came {order}, served {served}")
sys.exit(Account.failed)
PYTHON

# Those of before have ended; their slots are free when the order has heard of it.
nobody() { ! timeout 10 dvs ps 0 2>/dev/null | grep -q puppet; }
until_true 10 nobody || not_ok "an empty container" "$(timeout 10 dvs ps 0)"

begin "two hundred ready senders are each served once in every two hundred turns"
crowd=$build/test/conformance/crowd
timeout 60 dvs lab exec 0 -- "$crowd" serve 0 200 5 >"$tmp/serve" 2>&1 &
serve=$!
timeout 60 dvs lab exec 0 -- "$crowd" call 0 2 200 5 >"$tmp/call" 2>&1 || fail "clients: $(<"$tmp/call")"
wait $serve || fail "server: $(<"$tmp/serve")"
end
finish
