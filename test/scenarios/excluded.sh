#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
#
# A sender that may not send writes into its channel all the same (test/conformance/excluded.c), and then it or the
# receiver moves: nobody takes what was written, wherever the two are by then.
. "$(dirname "$0")/lib.bash"
lab 3

TMPDIR=$tmp PYTHONPATH=$(dirname "$0") DVS_BUILD=$build timeout 80 python3 - <<'PYTHON' || failed=1
import os
import subprocess
import sys
import tempfile
import time
from puppets import BUILD, Account, Puppet

DC, SENDER, RECEIVER = 0, 10, 11
EDVSTIMEDOUT, EDVSTRAPDENIED = -61, -110


def dvs(*words):
    done = subprocess.run(["dvs", *map(str, words)], capture_output=True, text=True, timeout=15, check=False)
    assert done.returncode == 0, f"dvs {' '.join(map(str, words))}: {done.stderr.strip()}"
    return done.stdout


def begin(slot, what):
    with open(f"{folder}/{slot}.{what}", "w", encoding="ascii"):
        pass


def result(slot, what):
    end = time.monotonic() + 6
    while os.path.exists(f"{folder}/{slot}.{what}"):
        assert time.monotonic() < end, f"endpoint {slot} does not {what}"
        time.sleep(0.01)
    with open(f"{folder}/{slot}.done", encoding="ascii") as file:
        return int(file.read())


def does(slot, what):
    begin(slot, what)
    return result(slot, what)


def sends():
    begin(RECEIVER, "look")
    sent = does(SENDER, "send")
    return sent, result(RECEIVER, "look")


folder = tempfile.mkdtemp()
for slot, peer in ((SENDER, RECEIVER), (RECEIVER, SENDER)):
    dvs("-n", 0, "run", DC, slot, "--", os.path.join(BUILD, "test", "conformance", "excluded"), folder, DC, slot, peer)
giver = Puppet(0)
assert giver.ask(f"dcinfo {DC}") == 0
giver.tell(f"dcinfo {DC}")
tasks = giver.hear(5)[5]
with Account("they talk while they may") as a:
    a.check(sends() == (0, 0), "no message")
assert giver.ask(f"setpriv {DC} {SENDER} 0 0 -1 {~(1 << (RECEIVER + tasks))}") == 0
at = {SENDER: 0, RECEIVER: 0}
for moves, to in ((RECEIVER, 1), (None, 1), (SENDER, 1), (None, 1), (RECEIVER, 2), (SENDER, 0), (RECEIVER, 0), (SENDER, 2)):
    where = f"sender on node {at[SENDER]}, receiver on node {at[RECEIVER]}"
    with Account(f"{where}, endpoint {moves} moves to node {to}" if moves else where) as a:
        a.check(does(SENDER, "forge") == 0, "nothing could be written")
        if moves:
            dvs("migrate", DC, moves, to)
            at[moves] = to
        got = does(RECEIVER, "look")
        a.check(got == EDVSTIMEDOUT, f"the receiver got {got}")
        got = does(SENDER, "send")
        a.check(got == EDVSTRAPDENIED, f"a send gives {got}")
with Account("the sender's daemon is restarted") as a:
    a.check(does(SENDER, "forge") == 0, "nothing could be written")
    dvs("-n", at[SENDER], "restart")
    for _ in range(2):
        got = does(RECEIVER, "look")
        a.check(got == EDVSTIMEDOUT, f"the receiver got {got}")
        got = does(SENDER, "send")
        a.check(got == EDVSTRAPDENIED, f"a send gives {got}")
        a.check(does(SENDER, "forge") == 0, "nothing could be written afterwards")
with Account("they talk again when they may") as a:
    owner = Puppet(at[SENDER])
    a.check(owner.ask(f"setpriv {DC} {SENDER} 0 0 -1 -1") == 0, "the right cannot be given")
    a.check(sends() == (0, 0), "no message")
sys.exit(Account.failed)
PYTHON
finish
