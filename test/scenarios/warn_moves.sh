#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# The process that is warned of exits moves while a warning waits for it, or when it has taken one: it answers where it
# then is, and only then is the slot of the one that ended free. It also has the pages of those that had the slot before.
. "$(dirname "$0")/lib.bash"
lab 3

TMPDIR=$tmp PYTHONPATH=$(dirname "$0") DVS_BUILD=$build timeout 50 python3 - <<'PYTHON' || failed=1
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from puppets import BUILD, Account, Puppet

DC, WARNED, ENDED, TYPE, KILLED = 9, 5, 10, 7777, 0x100


def dvs(*words):
    done = subprocess.run(["dvs", *map(str, words)], capture_output=True, text=True, timeout=15, check=False)
    assert done.returncode == 0, f"dvs {' '.join(map(str, words))}: {done.stderr.strip()}"
    return done.stdout


def row_of(slot):
    """The row of dvs ps, or None if nobody is bound there."""
    rows = json.loads(dvs("-n", 0, "ps", DC, "--json"))
    return next((row for row in rows if row["p_nr"] == slot), None)


def becomes(condition, seconds=3):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def say(what):
    with open(f"{folder}/f.{what}", "w", encoding="ascii"):
        pass


def owes():
    return not os.path.exists(f"{folder}/f.take") and not row_of(WARNED)["flags"]


folder = tempfile.mkdtemp()
maker = Puppet(0)
maker.ask(f"dcinit {DC} 221 35 64 32 {WARNED} {TYPE}")
dvs("-n", 1, "run", DC, WARNED, "--", os.path.join(BUILD, "test", "conformance", "warned"), f"{folder}/f")
for target in (2, 0, 1):
    with Account(f"a warning that was not taken yet goes along to node {target}") as a:
        ends = Puppet(0)
        a.check(ends.bind(DC, ENDED) > 0, "it is not bound")
        ends.end()
        a.check(becomes(lambda: row_of(ENDED)["misc"] & KILLED), f"it is not shown as ended: {row_of(ENDED)}")
        dvs("migrate", DC, WARNED, target)
        after = row_of(WARNED)
        a.check(after["node"] == target, f"the warned process is on node {after['node']}")
        say("take")
        a.check(becomes(owes), "it was not taken")
        a.check(row_of(ENDED) is not None, "its slot was free before the warning was answered")
        say("answer")
        a.check(becomes(lambda: row_of(ENDED) is None), "the warning was not answered")
        a.check(row_of(WARNED)["lpid"] == after["lpid"], "the warned process has ended")
with Account("so does one that was taken and not answered") as a:
    ends = Puppet(0)
    a.check(ends.bind(DC, ENDED) > 0, "it is not bound")
    ends.end()
    say("take")
    a.check(becomes(owes), "it was not taken")
    dvs("migrate", DC, WARNED, 2)
    a.check(row_of(ENDED) is not None, "its slot was free before the warning was answered")
    say("answer")
    a.check(becomes(lambda: row_of(ENDED) is None), "the warning was not answered")
with Account("dvs stop waits for the end of the process, not for the answer to the warning of it") as a:
    for how in "it ends", "it has ended":
        if how == "it ends":
            dvs("-n", 1, "run", DC, ENDED, "--", "sleep", 600)
        begin = time.monotonic()
        said = json.loads(dvs("stop", DC, ENDED, "--json"))
        a.check(said["signal"] == "SIGTERM" and said["ended_by"] == "TERM", f"{how}: {said}")
        a.check(time.monotonic() - begin < 3, f"{how}: after {time.monotonic() - begin:.1f} s")
        a.check(row_of(ENDED)["misc"] & KILLED, f"{how}: its slot was free before the warning was answered")
    say("take")
    a.check(becomes(owes), "it was not taken")
    say("answer")
    a.check(becomes(lambda: row_of(ENDED) is None), "the warning was not answered")
os.kill(row_of(WARNED)["lpid"], signal.SIGKILL)
becomes(lambda: row_of(WARNED) is None)
maker.ask(f"dcend {DC}")
maker.end()
sys.exit(Account.failed)
PYTHON
finish
