#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: test/histories/check.py FOLDER

Proves from the files of chronicle.c and of test/histories/run, and from nothing else, that no promise was broken:

    at most once    no message is taken twice
    exactly once    a call or a message that returned success was taken, once; the answer is of the taker
    order           of one sender's messages to one receiver a later one is not taken before an earlier one
    nobody blocked  every call of a client that lives has come back, and in its time
    one owner       no two copies of a process run; a client that has heard of a new owner hears no old one
    whole           every message is as it was sent, and is an answer to its own call
    one directory   when all is healed every node's table is the same, and processes are where it says

A line `ok - PROMISE` for each of them, or lines `not ok - PROMISE: WHAT`; the last one says how much there was. Exit
status 1: something is broken.
"""
import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

SECOND = 10**9
LATE = 7 * SECOND  # beyond its time a call may take so long while another node is silent: five seconds, and the machine's
SHOWN = 20


@dataclass
class Taken:
    number: int
    time: int
    life: str
    seq: int
    kind: str


@dataclass
class Call:
    seq: int
    time: int
    kind: str
    server: int
    timeout_ms: int
    end: int = None
    result: int = None
    answer: tuple = None  # life and number of the server


@dataclass
class Life:
    kind: str
    name: str
    ep: int = None
    begin: int = None
    quit: bool = False
    taken: list = field(default_factory=list)
    calls: list = field(default_factory=list)
    wrong: list = field(default_factory=list)


@dataclass
class History:
    lives: list = field(default_factory=list)
    stops: list = field(default_factory=list)  # (begin, end): something of the cluster stood still
    left: list = field(default_factory=list)  # lives that had not ended long after they were told to
    directories: dict = field(default_factory=dict)  # node: {endpoint: node}
    processes: dict = field(default_factory=dict)  # endpoint: [node, ...] where it really runs


def parse_life(kind, name, text):
    life = Life(kind, name)
    for line in text.splitlines(keepends=True):
        if not line.endswith("\n"):
            break  # killed in the middle of it
        word = line.split()
        if word[0] == "B":
            life.ep, life.begin = int(word[1]), int(word[2])
        elif word[0] == "S":
            life.calls.append(Call(int(word[1]), int(word[2]), word[3], int(word[4]), int(word[5])))
        elif word[0] == "E":
            call = life.calls[-1]
            assert call.seq == int(word[1]), f"{name}: end of another call"
            call.end, call.result = int(word[2]), int(word[3])
            call.answer = (word[4], int(word[5]))
        elif word[0] == "T":
            life.taken.append(Taken(int(word[1]), int(word[2]), word[3], int(word[4]), word[5]))
        elif word[0] == "X":
            life.wrong.append(line.strip())
        elif word[0] == "Q":
            life.quit = True
    return life


def load(folder):
    history = History()
    for path in sorted(folder.glob("*.????????????????")):
        kind, name = path.name.split(".")
        history.lives.append(parse_life(kind, name, path.read_text()))
    said = json.loads((folder / "run.json").read_text())
    history.stops = [tuple(stop) for stop in said["stops"]]
    history.left = said["left"]
    history.directories = {node: {int(ep): at for ep, at in table.items()} for node, table in said["directories"].items()}
    history.processes = {int(ep): at for ep, at in said["processes"].items()}
    return history


def servers_of(history):
    return [life for life in history.lives if life.kind == "serve"]


def clients_of(history):
    return [life for life in history.lives if life.kind == "call"]


def takings(history):
    """{(client, seq): [(server life, what it wrote)]}"""
    found = defaultdict(list)
    for server in servers_of(history):
        for taken in server.taken:
            found[taken.life, taken.seq].append((server, taken))
    return found


def check_once(history):
    found = takings(history)
    known = {(client.name, call.seq) for client in clients_of(history) for call in client.calls}
    for (client, seq), list_ in found.items():
        if len(list_) > 1:
            yield "at most once", f"{client} {seq} is taken {len(list_)} times, by " + ", ".join(s.name for s, _ in list_)
        if (client, seq) not in known:
            yield "at most once", f"{client} {seq} is taken, and nobody has sent it"


def check_success(history):
    """A server that is killed may have taken one message and not yet written it; it has not answered that one."""
    found = takings(history)
    unwritten = defaultdict(int)
    killed = defaultdict(int)
    for server in servers_of(history):
        killed[server.ep] += not server.quit
    for client in clients_of(history):
        for call in client.calls:
            if call.result != 0:
                continue
            taken = found.get((client.name, call.seq), [])
            if call.kind == "s" and not taken:
                unwritten[call.server] += 1
            elif len(taken) != 1:
                yield "exactly once", f"{client.name} {call.seq} was successful and is taken {len(taken)} times"
            elif taken[0][0].ep != call.server:
                yield "exactly once", f"{client.name} {call.seq} went to {call.server} and is taken by {taken[0][0].ep}"
            elif call.kind == "c" and call.answer != (taken[0][0].name, taken[0][1].number):
                yield "exactly once", f"{client.name} {call.seq} was answered by {call.answer}, which did not take it"
    for ep, count in unwritten.items():
        if count > killed[ep]:
            yield "exactly once", f"{count} messages to {ep} were successful and are not taken; {killed[ep]} lives ended there"


def check_order(history):
    for server in servers_of(history):
        last = {}
        for taken in server.taken:
            if taken.seq <= last.get(taken.life, 0):
                yield "order", f"{server.name} took {taken.life} {taken.seq} after {last[taken.life]}"
            last[taken.life] = taken.seq


def stood_still(history, begin, end):
    return sum(max(0, min(end, to) - max(begin, since)) for since, to in history.stops)


def check_blocked(history):
    for name in history.left:
        yield "nobody blocked", f"{name} has not ended"
    for client in clients_of(history):
        for call in client.calls[:-1]:
            if call.end is None:
                yield "nobody blocked", f"{client.name} {call.seq} has no end, and others follow"
        if client.quit and client.calls and client.calls[-1].end is None:
            yield "nobody blocked", f"{client.name} {client.calls[-1].seq} has no end, and the client has"
        for call in client.calls:
            if call.end is None or call.timeout_ms < 0:
                continue
            late = call.end - call.time - call.timeout_ms * 10**6 - stood_still(history, call.time, call.end)
            if late > LATE:
                yield "nobody blocked", f"{client.name} {call.seq} came back {late / SECOND:.1f} s after its time"


def check_owner(history):
    birth = {}
    for server in servers_of(history):
        birth[server.name] = (server.ep, server.begin)
        for a, b in zip(server.taken, server.taken[1:]):
            if b.number != a.number + 1 or b.time < a.time:
                yield "one owner", f"{server.name} took {b.number} after {a.number}: it runs more than once"
    for life in history.lives:
        count = sum(1 for a, b in zip(life.calls, life.calls[1:]) if b.seq != a.seq + 1 or b.time < a.time)
        if count:
            yield "one owner", f"{life.name} called out of its order {count} times: it runs more than once"
    for client in clients_of(history):
        newest = {}
        for call in client.calls:
            if call.result != 0 or call.kind != "c" or call.answer[0] not in birth:
                continue
            ep, begin = birth[call.answer[0]]
            if begin < newest.get(ep, 0):
                yield "one owner", f"{client.name} {call.seq} was answered by the life before of endpoint {ep}"
            newest[ep] = max(begin, newest.get(ep, 0))


def check_whole(history):
    for life in history.lives:
        for line in life.wrong:
            yield "whole", f"{life.name}: {line}"


def check_directories(history):
    tables = list(history.directories.items())
    if not tables:
        yield "one directory", "no node said what it knows"
    for node, table in tables[1:]:
        if table != tables[0][1]:
            yield "one directory", f"node {node} has {table}, node {tables[0][0]} has {tables[0][1]}"
    for ep, at in history.processes.items():
        want = [tables[0][1][ep]] if tables and ep in tables[0][1] else []
        if at != want:
            yield "one directory", f"the process of endpoint {ep} runs on {at}, and the table says {want}"


CHECKS = {"at most once": check_once, "exactly once": check_success, "order": check_order, "nobody blocked": check_blocked,
          "one owner": check_owner, "whole": check_whole, "one directory": check_directories}


def check(history):
    """[(promise, what broke it)]"""
    return [broken for rule in CHECKS.values() for broken in rule(history)]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    history = load(Path(sys.argv[1]))
    broken = check(history)
    for promise, text in broken[:SHOWN]:
        print(f"not ok - {promise}: {text}")
    for promise in CHECKS:
        if promise not in [other for other, _ in broken]:
            print(f"ok - {promise}")
    calls = [call for client in clients_of(history) for call in client.calls]
    good = sum(1 for call in calls if call.result == 0)
    taken = sum(len(server.taken) for server in servers_of(history))
    print(f"{len(history.lives)} lives, {len(calls)} calls, {good} successful, {taken} taken, {len(broken)} broken promises")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
