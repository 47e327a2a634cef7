# SPDX-License-Identifier: Apache-2.0
"""How many assertions the functions of each folder make; used by scripts/lint and scripts/measure."""
import re
from pathlib import Path

# A destructor has something to state when what it frees stands in a list (a member `next...` of its own type), keeps
# one (a pointer to such a structure in the plural, or as first of several, or several pointers), or counts its users.
ASSERTION = re.compile(r"\b(?:assert|[A-Z]+_ASSERT)\s*\(|\b\w*assert_sound\(|\b\w+_assert\(")
DESTRUCTOR = re.compile(r"\b\w+(?<!_is)_(?:deinit|free)\s*\(")
STRUCT = re.compile(r"^struct (\w+) \{\n(.*?)^\}", re.S | re.M)
POINTER = re.compile(r"\bstruct (\w+)\s((?:\s*\*+\s*\w+(?:\[\w+\])*,?)+);")


def functions_of(code):
    """Yields head and body of each function: the body stands between a { and a } in the first column."""
    lines, start = code.split("\n"), 0
    for number, line in enumerate(lines):
        if line.rstrip() == "{":
            start = number
        elif line.rstrip() == "}" and start:
            head = start
            while head and lines[head - 1].strip() and not lines[head - 1].rstrip().endswith(("}", ";")) \
                    and not lines[head - 1].startswith("#"):
                head -= 1
            yield " ".join(lines[head:start]), "\n".join(lines[start:number + 1])
            start = 0


def keepers_of(codes):
    """The structures whose end has something to state."""
    bodies = {name: body for code in codes.values() for name, body in STRUCT.findall(code)}
    pointers = {name: [(of, member.strip()) for of, members in POINTER.findall(body) for member in members.split(",")]
                for name, body in bodies.items()}
    listed = {name for name, found in pointers.items()
              if any(of == name and re.match(r"\*\s*next", member) for of, member in found)}
    keeping = {name for name, found in pointers.items()
               if any(of in listed and re.search(r"s$|^\*+\s*(?:first|head)|\]$", member) for of, member in found)}
    counting = {name for name, body in bodies.items() if re.search(r"\b(?:users|references)\b", body)}
    return listed | keeping | counting


class Density:
    """Functions, assertions, destructors that have something to state, and those that do, of one folder."""

    def __init__(self):
        self.functions = self.assertions = self.destructors = self.stated = 0
        self.silent = []

    def add(self, code, keepers=frozenset()):
        for head, body in functions_of(code):
            count = len(ASSERTION.findall(body))
            self.functions += 1
            self.assertions += count
            freed = re.findall(r"\bstruct (\w+) \*", head.split("(", 1)[1]) if DESTRUCTOR.search(head) else ()
            if any(name in keepers for name in freed[-1:]):
                self.destructors += 1
                self.stated += count > 0
                if not count:
                    self.silent.append(DESTRUCTOR.search(head).group(0)[:-1])

    @property
    def each(self):
        return self.assertions / self.functions if self.functions else 0.0


def densities(codes):
    """By folder, the rooms of node/ as one; codes is {file: its text without comments and strings}, without tests."""
    found, keepers = {}, keepers_of(codes)
    for name, code in codes.items():
        parts = Path(name).parts
        if parts[0] == "src" and len(parts) > 2 and name != "src/base/test.h":
            found.setdefault(parts[1], Density()).add(code, keepers)
    return found
