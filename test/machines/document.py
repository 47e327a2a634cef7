# SPDX-License-Identifier: Apache-2.0
"""The code blocks of doc/OPERATIONS.md, so that the test does what the document says, word for word."""
import re


class Document:
    def __init__(self, path):
        self.sections = {}
        title, block = "", None
        for line in path.read_text().splitlines():
            if block is not None:
                if line.strip() == "```":
                    self.sections[title].append("\n".join(block) + "\n")
                    block = None
                else:
                    block.append(line)
            elif line.startswith("```"):
                block = []
            elif line.startswith("#"):
                title = line.lstrip("# ").strip()
            elif re.match(r"\*\*.*\*\*", line):
                # A numbered step: "**4. Start**, on each machine:" is the section "Start".
                title = re.sub(r"^\d+\. *", "", line.split("**")[1]).rstrip(".:")
            if block is None or not block:
                self.sections.setdefault(title, [])

    def block(self, title, containing=""):
        """The first code block of a section that has some words in it. A document without it is a failure of the test."""
        found = [text for text in self.sections.get(title, []) if containing in text]
        if not found:
            raise LookupError(f'doc/OPERATIONS.md has no block with "{containing}" below "{title}": the test follows it')
        return found[0]
