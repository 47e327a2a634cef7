#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: covered.py TOP

Every call that the library exports, every macro of the interface and every header of old has a test that
uses it, and a row in doc/INTERFACE.md; every error that calls.h names is expected by a test. Exit status 1 and a line for each that has not.
"""
import re
import sys
from pathlib import Path

top = Path(sys.argv[1])


def text_of(*patterns):
    return "\n".join(path.read_text() for pattern in patterns for path in sorted(top.glob(pattern)))


calls = re.findall(r"\b(dvk_\w+);", text_of("src/libdvk/libdvk.map"))
macros = re.findall(r"#define (dvk_\w+)\(", text_of("include/dvk/calls.h", "include/com/stub_dvkcall.h"))
headers = sorted(path.name for path in top.glob("include/com/*.h"))
tests = text_of("test/conformance/*.c", "test/original/*.c")
scenarios = text_of("test/scenarios/*.sh")
programs = text_of("test/original/*.c", "include/compat/original.c", "examples/original.c")
page = text_of("doc/INTERFACE.md")
faults = []
for name in sorted(set(calls) | set(macros)):
    if name in ("dvk_fd", "dvk_rmtbind_N"): # a variable; what dvk_rmtbind stands for
        continue
    if not re.search(rf"\b{name}\(", tests) and name != "dvk_delnode":
        faults.append(f"{name}: no test calls it")
    if not re.search(rf"`{name}`", page):
        faults.append(f"{name}: doc/INTERFACE.md does not name it")
known = set(re.findall(r"EDVS([A-Z0-9]+)", text_of("include/dvk/errors.h")))
comments = " ".join(re.findall(r"/\*.*?\*/", text_of("include/dvk/calls.h"), flags=re.S))
for name in sorted(set(re.findall(r"\b(?:EDVS)?([A-Z][A-Z0-9]{3,})\b", comments)) & known):
    if not re.search(rf"(EDVS|\"){name}\b", tests + scenarios):
        faults.append(f"EDVS{name}: no test expects it")
for name in headers:
    if f"include/com/{name}\"" not in programs:
        faults.append(f"include/com/{name}: no program includes it")
print(*faults, sep="\n")
if not calls or not macros or not headers:
    sys.exit("nothing to look for: " + str(top))
sys.exit(1 if faults else 0)
