# SPDX-License-Identifier: Apache-2.0
"""How many assertions the functions of each folder make; used by scripts/lint and scripts/measure."""
import re
from pathlib import Path

ASSERTION = re.compile(r"\b(?:assert|[A-Z]+_ASSERT)\s*\(|\b\w*assert_sound\(|\b\w+_assert\(")
DESTRUCTOR = re.compile(r"\b\w+_(?:deinit|free)\s*\(")


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


class Density:
    """Functions, assertions, destructors and destructors that assert, of one folder."""

    def __init__(self):
        self.functions = self.assertions = self.destructors = self.stated = 0

    def add(self, code):
        for head, body in functions_of(code):
            count = len(ASSERTION.findall(body))
            self.functions += 1
            self.assertions += count
            if DESTRUCTOR.search(head):
                self.destructors += 1
                self.stated += count > 0

    @property
    def each(self):
        return self.assertions / self.functions if self.functions else 0.0


def densities(codes):
    """By folder, the rooms of node/ as one; codes is {file: its text without comments and strings}, without tests."""
    found = {}
    for name, code in codes.items():
        parts = Path(name).parts
        if parts[0] == "src" and len(parts) > 2 and name != "src/base/test.h":
            found.setdefault(parts[1], Density()).add(code)
    return found
