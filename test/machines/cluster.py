# SPDX-License-Identifier: Apache-2.0
"""The machines as one cluster: what its tables say, and clients that keep account of their calls."""
import json
import re

from machine import until
from roots import Failed

CLOCK = "date +%s.%N"
# Seconds; dvs nodes speaks of half a second.
CLOCKS_AGREE = 0.3
GOOD = re.compile(r"calls=([1-9]\d*) failed=0 lost=0 duplicated=0 reordered=0 corrupted=0 ")


class Cluster:
    def __init__(self, machines):
        self.machines = machines

    def everywhere(self, script, times=1):
        """Runs a script on all machines at once."""
        running = [(machine, machine.begin(script)) for machine in self.machines]
        for machine, child in running:
            machine.succeeded(script, machine.end(child, times * machine.patience()))

    def whole(self):
        """Waits until every machine sees quorum, all nodes and all links."""
        for machine in self.machines:
            def well():
                self.keep_time()
                return machine.run("dvs nodes >/dev/null") and sum(row["up"] for row in self.nodes(machine)) == len(self.machines)
            try:
                until("the cluster is whole", well, machine.patience())
            except Failed as why:
                raise Failed(f"{machine.name}: {why}: {machine.run('dvs nodes').out}") from why

    def nodes(self, machine):
        return json.loads(machine.run("dvs nodes --json 2>/dev/null").out or "[]")

    def keep_time(self):
        """What a time daemon does: a machine starts with the seconds of its clock alone, and one that is stopped has none."""
        for row in self.nodes(self.machines[0]):
            ahead = (row.get("clock_ahead_ns") or 0) / 1e9 if row["link"] == "up" else 0
            if abs(ahead) > CLOCKS_AGREE:
                machine = next(machine for machine in self.machines if machine.name == row["name"])
                machine.run(f"date -s 'now {-ahead:+.3f} seconds'")

    def rows(self, machine):
        return json.loads(machine.must("dvs ps --json"))

    def table(self, machine):
        """The endpoints and their owners, as a machine sees them."""
        return tuple(sorted((row["p_nr"], row["node"]) for row in self.rows(machine)))

    def owner(self, endpoint):
        return next((row["node"] for row in self.rows(self.machines[0]) if row["p_nr"] == endpoint), None)

    def incarnation(self, node):
        return next(row["incarnation"] for row in self.nodes(self.machines[0]) if row["node"] == node)

    def ready(self):
        """What every scenario begins with, however the one before it ended: the cluster, and the server that most call."""
        self.whole()
        if self.owner(10) is None:
            self.server(self.machines[0], 10)

    def server(self, machine, endpoint):
        machine.must(f"dvs run 0 {endpoint} -- migr_server 0 {endpoint} 2560")

    def migrate(self, endpoint, node):
        """A move that gives up because nothing came for seconds is refused, and is tried again: machines share few CPUs here."""
        words = f"dvs migrate 0 {endpoint} {node}"

        def moved():
            if self.owner(endpoint) == node:
                return True
            answer = self.machines[0].run(words)
            if not answer and "the process goes on where it was (EDVSTIMEDOUT)" in answer.out:
                print(f"# {answer.out.strip()}", flush=True)
                self.whole()
                return False
            self.machines[0].succeeded(words, answer)
            return True
        until(f"endpoint {endpoint} moves to node {node}", moved, self.machines[0].patience())
        if self.owner(endpoint) != node:
            raise Failed(f"endpoint {endpoint} is not on node {node}: {self.machines[0].run('dvs ps').out}")

    def until_ended(self, endpoint):
        """A script that goes on until an endpoint has no owner any more."""
        return f"until ! dvs ps 0 --json | grep -qE '\"p_nr\": *{endpoint}\\b'; do sleep 0.05; done"

    def watch_end(self, machine, endpoint):
        """Its last word is the time, by the clock of the machine."""
        return machine.begin(f"{self.until_ended(endpoint)}; {CLOCK}")

    def clock(self, machine):
        return float(machine.must(CLOCK))

    def look_seconds(self, machine):
        """How long one look at the table takes there."""
        first, last = machine.must(f"{CLOCK}; dvs ps 0 --json >/dev/null; {CLOCK}").split()
        return float(last) - float(first)

    def view_changed(self, machine, since):
        """When Corosync there had told its clients of a view without some machine, by its own journal."""
        lines = iter(machine.must(f"journalctl -u corosync -o short-unix --no-pager --since @{since:.0f}").splitlines())
        for words in (" left: ", "Completed service synchronization"):
            line = next((line for line in lines if words in line), None)
        return float(line.split()[0]) if line else float("inf")

    def detector(self, machine):
        """What Corosync there has for finding out that a machine is dead."""
        words = machine.must("corosync-cmapctl | grep -E '^runtime.config.totem.(token|consensus) '")
        return " and ".join(f"{name} {int(ms) / 1000:.1f} s" for name, ms in re.findall(r"totem\.(\w+) .*= (\d+)", words))

    def keep_journals(self):
        """What the machines said, beside the other logs."""
        for machine in self.machines:
            if machine.qemu and machine.qemu.poll() is None:
                said = machine.run("journalctl --no-pager -o short-precise -u dvsd -u dvs-corosync -u corosync | tail -n 300; "
                                   "dvs nodes; dvs ps --all", 60, quiet=True).out
                machine.log.with_suffix(".journal").write_text(said)


class Client:
    """A migr_client that calls until it is told to end, and gives account of every call then."""

    def __init__(self, machine, endpoint, server):
        self.machine, self.endpoint, self.account = machine, endpoint, None
        self.child = machine.begin(f"dvs run 0 {endpoint} --wait -- migr_client 0 {endpoint} {server} 4096 1000000000 0.01")
        until(f"client {endpoint} calls", self.counted, machine.patience())

    def counted(self):
        """How many messages its endpoint has sent so far."""
        if self.child.poll() is not None:
            raise Failed(f"client {self.endpoint} has ended: {self.end()}")
        answer = self.machine.run("dvs ps 0 --json", quiet=True)
        rows = json.loads(answer.out) if answer else []
        return next((row["lclsent"] + row["rmtsent"] for row in rows if row["p_nr"] == self.endpoint), 0)

    def goes_on(self):
        """Calls are answered now, not only once."""
        before = self.counted()
        until(f"client {self.endpoint} goes on", lambda: self.counted() > before + 2, self.machine.patience())

    def end(self):
        """Ends it if it still calls. Returns the last line of what it said."""
        if self.account is None:
            if self.child.poll() is None:
                self.machine.run(f"dvs stop 0 {self.endpoint} --time {self.machine.patience():.0f}")
            out = self.machine.end(self.child, self.machine.patience()).out
            self.account = out.strip().splitlines()[-1] if out.strip() else "nothing"
        return self.account

    def ends_well(self):
        if not GOOD.match(self.end() + " "):
            raise Failed(f"client {self.endpoint} on {self.machine.name}: {self.account}")
