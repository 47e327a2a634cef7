# SPDX-License-Identifier: Apache-2.0
"""The daemon's root structure and the functions that know it; used by scripts/lint and scripts/measure."""
import re
from pathlib import Path

from density import functions_of

HEADER, STRUCT = "src/node/node.h", "node"
MOST_MEMBERS = 14
# Rooms whose functions know their own parts and never the whole.
PARTS_ONLY = {"node/state", "node/ask", "node/task", "node/copy", "node/bind", "node/show", "node/move",
              "node/restart"}
WHOLE = re.compile(r"\bstruct node \*")


def includers(texts):
    """Files of those rooms that include the whole structure: a function could reach it by a pointer of its part."""
    return sorted(name for name, text in texts.items()
                  if "/".join(Path(name).parts[1:-1]) in PARTS_ONLY and re.search(r'^#include "node/node\.h"$', text, re.M))


def members(code):
    """Of the structure, those that stand at its own level; code is its header without comments."""
    body = re.search(rf"^struct {STRUCT} \{{\n(.*?)^\}}", code, re.S | re.M)
    if not body:
        return []
    flat = body.group(1)
    while "{" in flat:
        flat = re.sub(r"\{[^{}]*\}", "", flat)
    found = [re.search(r"(\w+)\s*$", one) for part in flat.split(";") for one in re.sub(r"\[[^\]]*\]", "", part).split(",")]
    return [one.group(1) for one in found if one]


def users(codes, member):
    """Files of node/ that use it by name, or by an inline function of the header."""
    folder, name = str(Path(HEADER).parent) + "/", rf"\b{STRUCT}(?:->|\.){member}\b"
    inlines = [re.search(r"(\w+)\s*\(", head).group(1) for head, body in functions_of(codes.get(HEADER, ""))
               if re.search(name, body)]
    used = re.compile("|".join([name] + [rf"\b{inline}\s*\(" for inline in inlines]))
    return sorted(n for n, code in codes.items() if n.startswith(folder) and n != HEADER and used.search(code))


def takers(codes):
    """Functions of node/ by room: those that take the whole structure or keep a pointer to it, and how many there are."""
    found = {}
    for name, code in codes.items():
        room = "/".join(Path(name).parts[1:-1])
        if room.split("/")[0] == "node":
            taking, count = found.setdefault(room, ([], 0))
            for head, body in functions_of(code):
                if WHOLE.search(head) or WHOLE.search(body):
                    taking.append(f"{name}: " + re.search(r"(\w+)\s*\(", head).group(1))
                count += 1
            found[room] = (taking, count)
    return found
