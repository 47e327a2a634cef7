# SPDX-License-Identifier: Apache-2.0
"""What the objects of a build say about the sources: which file calls into which, and what each file gives to others.

Used by scripts/lint and scripts/measure. A file is its path from the top of the tree, as "src/node/ask/request.c"; its
folder is "core" for src/core, "node/ask" for a room of src/node. Tests and fuzzers take no part.
"""
import json
import re
import subprocess
from pathlib import Path

ROOMS = "node" # the folder whose subfolders are folders of their own


def folder_of(name):
    parts = Path(name).parts[1:-1]
    return "/".join(parts[:2] if parts[:1] == (ROOMS,) else parts[:1])


class Objects:
    """Symbols with external linkage: defined[file] and used[file] are sets of them."""

    def __init__(self):
        self.defined, self.used = {}, {}

    def add(self, name, kind, symbol):
        if kind in "Uvw":
            self.used.setdefault(name, set()).add(symbol)
        elif kind.isupper():
            self.defined.setdefault(name, set()).add(symbol)

    def calls(self):
        """Yields (file, file it needs something of, symbol), each pair with its first symbol."""
        homes = {}
        for name, symbols in self.defined.items():
            for symbol in symbols:
                homes.setdefault(symbol, []).append(name)
        for name in sorted(self.used):
            seen = {}
            for symbol in sorted(self.used[name]):
                near = [home for home in homes.get(symbol, ()) if home != name]
                # Two programs may have functions of one name: each means its own.
                own = [home for home in near if Path(home).parts[1] == Path(name).parts[1]]
                for home in own or near:
                    seen.setdefault(home, symbol)
            yield from ((name, home, symbol) for home, symbol in sorted(seen.items()))


def read_objects(build):
    """The objects of src/ in a build folder of meson. One source may have several; any of them will do."""
    objects, build = {}, Path(build).resolve()
    for step in json.loads((build / "compile_commands.json").read_text()):
        path = (Path(step["directory"]) / step["file"]).resolve()
        parts = path.parts
        if "src" not in parts or path.stem.endswith(("_test", "_fuzz")) or "-flto" in step["command"]:
            continue # an object that is optimised later holds no symbols that nm could read
        target = build / step["output"]
        name = "/".join(parts[len(parts) - 1 - parts[::-1].index("src"):])
        if target.exists() and name not in objects:
            objects[name] = target
    result = Objects()
    names = {str(target): name for name, target in objects.items()}
    done = subprocess.run(["nm", "-g", "-A", *names], text=True, stdout=subprocess.PIPE, check=True)
    for line in done.stdout.splitlines():
        found = re.match(r"(.*?):[0-9a-f ]*\b([A-Za-z]) (\S+)$", line)
        if found:
            result.add(names[found.group(1)], found.group(2), found.group(3))
    return result


def circles(graph):
    """The sets of more than one node that reach each other, largest first; graph is {node: nodes}."""
    order, low, stack, on_stack, found = {}, {}, [], set(), []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        on_stack.add(node)
        for below in graph.get(node, ()):
            if below not in order:
                visit(below)
                low[node] = min(low[node], low[below])
            elif below in on_stack:
                low[node] = min(low[node], order[below])
        if low[node] == order[node]:
            circle = set()
            while node not in circle:
                circle.add(stack.pop())
            on_stack.difference_update(circle)
            if len(circle) > 1:
                found.append(circle)

    for node in list(graph):
        if node not in order:
            visit(node)
    return sorted(found, key=len, reverse=True)


def graph_of(calls):
    graph = {}
    for caller, callee, _ in calls:
        graph.setdefault(caller, set()).add(callee)
    return graph


def reach(graph, starts):
    """Everything that the starts need, themselves included."""
    seen, todo = set(), list(starts)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += graph.get(node, ())
    return seen
