# SPDX-License-Identifier: Apache-2.0
"""Puppets of test/conformance/puppet.c on the nodes of a lab, for scenarios that need more than migr_client."""
import os
import select
import socket
import subprocess
import tempfile
import time

BUILD = os.environ.get("DVS_BUILD", os.path.join(os.getcwd(), "build"))
PUPPET = os.path.join(BUILD, "test", "conformance", "puppet")


class Puppet:
    """A process on a node that makes the calls it is told to; unbound until bind."""

    def __init__(self, node):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
                listener.bind(path)
                listener.listen()
                listener.settimeout(10)
                self.process = subprocess.Popen(["dvs", "lab", "exec", str(node), "--", PUPPET, path])
                self.socket, _ = listener.accept()
            self.hear(10)
        self.told = 0.0
        assert self.ask("open") >= 0, "dvk_open failed"

    def tell(self, order):
        self.told = time.monotonic()
        self.socket.send(order.encode())

    def hear(self, seconds):
        """The values of the answer, or None if there is none in time; self.took says how long it took."""
        ready, _, _ = select.select([self.socket], [], [], seconds)
        data = self.socket.recv(4096) if ready else None
        self.took = time.monotonic() - getattr(self, "told", 0.0)
        return [int(v) for v in data.split()] if data is not None else None

    def ask(self, order, seconds=10):
        self.tell(order)
        answer = self.hear(seconds)
        assert answer, f"no answer to {order}"
        return answer[0]

    def bind(self, dcid, slot):
        return self.ask(f"bind 0 {dcid} -1 {slot} -1")

    def end(self):
        self.socket.close()
        self.process.kill()
        self.process.wait()


class Account:
    """Says ok or not ok for one name."""

    failed = 0

    def __init__(self, name):
        self.name, self.faults = name, []

    def check(self, good, why):
        if not good:
            self.faults.append(why)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            self.faults.append(f"{kind.__name__}: {value}")
        if self.faults:
            Account.failed = 1
            print(f"not ok - {self.name}: {'; '.join(self.faults)}", flush=True)
        else:
            print(f"ok - {self.name}", flush=True)
        return True
