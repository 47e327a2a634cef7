#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checker of histories: a good one passes, and one that breaks a promise is found to break that one alone."""
import copy
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import check  # noqa: E402

SERVER, LATER, CLIENT, OTHER = ("1" * 16, "2" * 16, "3" * 16, "4" * 16)
SECOND = check.SECOND
failures = 0

# Endpoint 10 has two lives, of which the first one was killed; two clients call, send, and are refused.
FILES = {
    f"serve.{SERVER}": f"""B 10 1000
T 1 2100 {CLIENT} 1 c
T 2 2200 {OTHER} 1 s
T 3 2300 {CLIENT} 2 s
T 4 2350 {CLIENT} 3 c
T 5 23""",
    f"serve.{LATER}": f"""B 10 5000
T 1 6100 {CLIENT} 5 c
T 2 6200 {OTHER} 2 c
Q 9000
""",
    f"call.{CLIENT}": f"""B 20 1500
S 1 2000 c 10 2000
E 1 2150 0 {SERVER} 1
S 2 2250 s 10 2000
E 2 2350 0 0 0
S 3 2345 c 10 3
E 3 2360 -61 0 0
S 4 3000 c 10 -1
E 4 4000 -109 0 0
S 5 6000 c 10 2000
E 5 6150 0 {LATER} 1
Q 9000
""".replace("E 2 2350", "E 2 2340"),
    f"call.{OTHER}": f"""B 21 1500
S 1 2150 s 10 30
E 1 2210 0 0 0
S 2 6150 c 10 2000
""",
}
RUN = {"stops": [], "left": [], "directories": {"0": {"10": 1, "20": 0}, "1": {"10": 1, "20": 0}},
       "processes": {"10": [1], "20": [0]}}


def history(files=None, run=None):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (files or FILES).items():
            (Path(folder) / name).write_text(text)
        (Path(folder) / "run.json").write_text(json.dumps(run or RUN))
        return check.load(Path(folder))


def expect(name, got, wanted):
    global failures
    if got == wanted:
        print(f"ok - {name}")
    else:
        print(f"not ok - {name}: {got}, not {wanted}")
        failures += 1


def broken(files=None, run=None):
    return sorted({promise for promise, _ in check.check(history(files, run))})


def changed(name, old, new):
    files = dict(FILES)
    assert files[name].count(old) == 1, (name, old)
    files[name] = files[name].replace(old, new)
    return files


def run_with(**fields):
    run = copy.deepcopy(RUN)
    run.update(fields)
    return run


def test_good():
    expect("a good history", broken(), [])
    expect("a line that was not finished is not read", len(history().lives[2].taken), 4)
    # A message whose taker is killed before it could write that down.
    expect("one message of a killed server is not written", broken(changed(f"serve.{SERVER}", f"T 3 2300 {CLIENT} 2 s\n", "")
           | {f"serve.{SERVER}": f"B 10 1000\nT 1 2100 {CLIENT} 1 c\nT 2 2200 {OTHER} 1 s\n"}), [])


def test_each_promise():
    server, later, client, other = f"serve.{SERVER}", f"serve.{LATER}", f"call.{CLIENT}", f"call.{OTHER}"
    cases = (
        ("taken twice by two lives", "at most once",
         changed(later, f"T 1 6100 {CLIENT} 5 c\nT 2", f"T 1 6050 {CLIENT} 3 c\nT 2 6100 {CLIENT} 5 c\nT 3")
         | {client: FILES[client].replace(f"E 5 6150 0 {LATER} 1", f"E 5 6150 0 {LATER} 2")}, None),
        ("taken and never sent", "at most once", changed(later, "Q 9000", f"T 3 6300 {OTHER} 7 s\nQ 9000"), None),
        ("answered and not taken", "exactly once", changed(client, "E 3 2360 -61 0 0", f"E 3 2360 0 {LATER} 9")
         | {server: FILES[server].replace(f"T 4 2350 {CLIENT} 3 c\n", "")}, None),
        ("sent and not taken, of a life that ended well", "exactly once",
         {**FILES, server: FILES[server].rsplit("\n", 1)[0].replace(f"T 3 2300 {CLIENT} 2 s", f"T 3 2300 {CLIENT} 3 c").replace(
             f"T 4 2350 {CLIENT} 3 c", "Q 3000") + "\n"}, None),
        ("answered by a life that did not take it", "exactly once", changed(client, f"E 5 6150 0 {LATER} 1", f"E 5 6150 0 {LATER} 2"),
         None),
        ("taken at another endpoint", "exactly once", changed(client, "S 5 6000 c 10", "S 5 6000 c 11"), None),
        ("taken before an earlier one", "order", {**FILES, server: FILES[server].replace("T 3", "T x").replace("T 4", "T 3").replace(
            "T x", "T 4").replace("2300", "2349")
            .replace(f"T 4 2349 {CLIENT} 2 s\nT 3 2350 {CLIENT} 3 c", f"T 3 2300 {CLIENT} 3 c\nT 4 2350 {CLIENT} 2 s")}, None),
        ("a client is left", "nobody blocked", None, run_with(left=[OTHER])),
        ("a call without an end, and another after it", "nobody blocked", changed(client, "E 4 4000 -109 0 0\n", ""), None),
        ("a client that ends in a call", "nobody blocked", changed(other, "S 2 6150 c 10 2000\n", "S 2 6150 c 10 2000\nQ 7000\n"), None),
        ("a call that is late", "nobody blocked", changed(client, "E 3 2360", f"E 3 {2345 + 8 * SECOND}")
         | {client: FILES[client].replace("E 3 2360", f"E 3 {2345 + 8 * SECOND}").replace("S 4 3000", f"S 4 {9 * SECOND}")
            .replace("E 4 4000", f"E 4 {9 * SECOND}").replace("S 5 6000", f"S 5 {9 * SECOND}").replace("E 5 6150", f"E 5 {9 * SECOND}")}, None),
        ("a number twice: a second copy of a server", "one owner", changed(later, f"T 2 6200 {OTHER} 2 c", f"T 1 6200 {OTHER} 2 c"), None),
        ("a number left out: another copy has it", "one owner", changed(later, f"T 2 6200 {OTHER} 2 c", f"T 3 6200 {OTHER} 2 c"), None),
        ("time goes back: two copies of a client", "one owner", changed(client, "S 5 6000", "S 5 2999"), None),
        ("the old life answers after the new one", "one owner",
         {**FILES, client: FILES[client].replace("Q 9000", f"S 6 7000 c 10 2000\nE 6 7100 0 {SERVER} 5\nQ 9000"),
          server: FILES[server].replace("T 5 23", f"T 5 7050 {CLIENT} 6 c\n")}, None),
        ("a damaged message", "whole", changed(later, "Q 9000", "X 8000 a message from 20 is damaged\nQ 9000"), None),
        ("tables differ", "one directory", None, run_with(directories={"0": {"10": 1, "20": 0}, "1": {"10": 0, "20": 0}})),
        ("no tables", "one directory", None, run_with(directories={}, processes={})),
        ("a process where it should not be", "one directory", None, run_with(processes={"10": [0, 1], "20": [0]})),
        ("a process that nobody knows", "one directory", None, run_with(processes={"10": [1], "20": [0], "30": [2]})),
        ("a process that is missing", "one directory", None, run_with(processes={"10": [], "20": [0]})),
    )
    for name, promise, files, run in cases:
        expect(f"{promise}: {name}", broken(files, run), [promise])


def test_stops():
    late = {f"call.{CLIENT}": f"B 20 0\nS 1 0 c 10 3\nE 1 {9 * SECOND} -61 0 0\nQ {9 * SECOND}\n"}
    expect("a call may be late by what stood still", broken(late, run_with(stops=[[SECOND, 4 * SECOND]])), [])
    expect("and by no more", broken(late, run_with(stops=[[SECOND, 2 * SECOND]])), ["nobody blocked"])


def test_program():
    with tempfile.TemporaryDirectory() as folder:
        for name, text in changed(f"serve.{LATER}", f"T 2 6200 {OTHER} 2 c", f"T 2 6200 {CLIENT} 5 c").items():
            (Path(folder) / name).write_text(text)
        (Path(folder) / "run.json").write_text(json.dumps(RUN))
        done = subprocess.run([sys.executable, str(HERE / "check.py"), folder], capture_output=True, text=True, check=False)
        expect("the program's exit status", done.returncode, 1)
        lines = done.stdout.splitlines()
        expect("the program's words", (lines[0].split(":")[0], len([line for line in lines if line.startswith("ok - ")])),
               ("not ok - at most once", len(check.CHECKS) - 3))


def main():
    os.umask(0o077)
    test_good()
    test_each_promise()
    test_stops()
    test_program()
    return 1 if failures else 0


sys.exit(main())
