# SPDX-License-Identifier: Apache-2.0
"""Machines with kernels of their own: QEMU, a bridge with a tap for each of their two network devices, and ssh.

eth0 is the cluster's and can be unplugged; eth1 is the way by which the test speaks with a machine that is cut off. All
of it lives in a network and process namespace of the test's (see `run`) and ends with that.
"""
import json
import shlex
import socket
import subprocess
import time
from pathlib import Path

from roots import Failed

# Sockets have short paths here: a file system that only this process and its children see.
SOCKETS = Path("/mnt")
CLUSTER, CONTROL = "cluster", "control"
MEMORY_MB = 700
# A machine that has not started after this will not.
BOOT_LIMIT = 1200


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def network():
    """The two bridges. The test has an address on that of the control only."""
    ip("link", "set", "lo", "up")
    for bridge in (CLUSTER, CONTROL):
        ip("link", "add", bridge, "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        ip("link", "set", bridge, "up")
    ip("address", "add", "198.51.100.1/24", "dev", CONTROL)


def until(what, ready, limit, pause=0.2):
    """Waits until ready() is true and returns what that is. Raises Failed after LIMIT seconds."""
    end = time.monotonic() + limit
    while True:
        found = ready()
        if found:
            return found
        if time.monotonic() > end:
            raise Failed(f"{what}: not after {limit:.0f} s")
        time.sleep(pause)


class Answer:
    """What a command in a machine said."""

    def __init__(self, status, out):
        self.status, self.out = status, out

    def __bool__(self):
        return self.status == 0


class Machine:
    def __init__(self, name, number, root, disks, logs, accel):
        self.name, self.number, self.root, self.accel = name, number, root, accel
        self.address = f"192.0.2.{10 + number}"
        self.control = f"198.51.100.{10 + number}"
        self.disk = disks / f"{name}.qcow2"
        self.console = logs / f"{name}.console"
        self.log = logs / f"{name}.log"
        self.qemu = self.connection = None
        self.boot_seconds = None
        for tap, bridge in ((name, CLUSTER), (name + "-c", CONTROL)):
            ip("tuntap", "add", "dev", tap, "mode", "tap")
            ip("link", "set", tap, "master", bridge, "up")

    def make_disk(self, image):
        """An overlay of a disk that several machines share: only what this one changes."""
        self.disk.unlink(missing_ok=True)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image, self.disk], check=True)

    def start(self):
        words = (f"root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=10 loglevel=4 machine.name={self.name} "
                 f"machine.eth0={self.address} machine.eth1={self.control}")
        monitor = SOCKETS / f"{self.name}.qmp"
        monitor.unlink(missing_ok=True)
        command = ["qemu-system-x86_64", *self.accel, "-smp", "1", "-m", str(MEMORY_MB), "-nodefaults",
                   "-display", "none", "-serial", f"file:{self.console}", "-qmp", f"unix:{monitor},server=on,wait=off",
                   "-kernel", self.root.boot_file("vmlinuz"), "-initrd", self.root.boot_file("initrd.img"),
                   "-append", words, "-drive", f"file={self.disk},if=virtio,format=qcow2,cache=unsafe",
                   "-device", "virtio-rng-pci"]
        for i, tap in enumerate((self.name, self.name + "-c")):
            command += ["-netdev", f"tap,id=n{i},ifname={tap},script=no,downscript=no", "-device",
                        f"virtio-net-pci,netdev=n{i},romfile=,mac=52:54:00:00:{i:02x}:{self.number:02x}"]
        self.disconnect()
        self.started = time.monotonic()
        with open(self.log, "ab") as out:
            self.qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def booted(self, limit=BOOT_LIMIT):
        """Waits until the machine answers and its service manager has started what it had to."""
        def up():
            if self.qemu.poll() is not None:
                raise Failed(f"the machine {self.name} has ended: see {self.log} and {self.console}")
            return self.connect() and self.run("systemctl is-system-running --wait", limit, quiet=True).out.strip() in (
                "running", "degraded")
        until(f"{self.name} starts", up, limit, 1)
        self.boot_seconds = time.monotonic() - self.started

    def monitor(self, verb, **arguments):
        """A command of QEMU's monitor, which works whatever state the machine is in."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(60)
            link.connect(str(SOCKETS / f"{self.name}.qmp"))
            qmp = link.makefile("rw")
            for words in ({"execute": "qmp_capabilities"}, {"execute": verb, "arguments": arguments}):
                qmp.write(json.dumps(words) + "\n")
                qmp.flush()
                answer = next(said for said in map(json.loads, qmp) if "return" in said or "error" in said)
        if "error" in answer:
            raise Failed(f"{self.name}: {verb}: {answer['error']['desc']}")
        return answer["return"]

    def kill(self):
        """Power off, without a word to anybody."""
        self.qemu.kill()
        self.qemu.wait()
        self.disconnect()

    def plug(self, plugged):
        """The cable of the cluster's network."""
        if plugged:
            ip("link", "set", self.name, "master", CLUSTER)
        else:
            ip("link", "set", self.name, "nomaster")

    def ssh(self, *options):
        return ["ssh", "-F", "none", "-i", str(self.root.key), "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                "-o", "ConnectTimeout=20", "-S", str(SOCKETS / f"{self.name}.ssh"), *options, f"root@{self.control}"]

    def connect(self):
        """One connection that all that is said to the machine shares: to make one takes seconds under emulation."""
        self.connection = subprocess.Popen(self.ssh("-M", "-N"), stdin=subprocess.DEVNULL,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(f"{self.name} answers", lambda: (SOCKETS / f"{self.name}.ssh").exists() or self.connection.poll() is not None, 60)
        return self.connection.poll() is None

    def disconnect(self):
        if self.connection:
            self.connection.kill()
            self.connection.wait()
        (SOCKETS / f"{self.name}.ssh").unlink(missing_ok=True)

    def begin(self, script):
        """Starts a shell script in the machine, in the folder of the clone."""
        self.note(f"$ {script}")
        command = f"cd /root/dvs 2>/dev/null; export DEBIAN_FRONTEND=noninteractive; {script}"
        return subprocess.Popen([*self.ssh(), "bash -c " + shlex.quote(command)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")

    def end(self, child, limit, quiet=False):
        """Waits for what was begun. A script that takes longer than LIMIT has status 124."""
        try:
            out, _ = child.communicate(timeout=limit)
            answer = Answer(child.returncode, out)
        except subprocess.TimeoutExpired:
            child.kill()
            answer = Answer(124, f"{self.rest(child)}\nstill running after {limit:.0f} s")
        if not quiet or answer:
            self.note(f"{answer.out.rstrip()}\n= {answer.status}")
        return answer

    def rest(self, child):
        """What a script that was ended had said. The shared connection holds the end of its output for as long as it runs there."""
        try:
            return child.communicate(timeout=5)[0]
        except subprocess.TimeoutExpired as late:
            return (late.stdout or b"").decode(errors="replace")

    def run(self, script, limit=None, quiet=False):
        return self.end(self.begin(script), limit or self.patience(), quiet)

    def must(self, script, limit=None):
        """Runs a script that has to succeed, and returns what it says."""
        return self.succeeded(script, self.run(script, limit))

    def succeeded(self, script, answer):
        if not answer:
            raise Failed(f"{self.name}: {script.strip()}: {answer.out.strip()[-600:]} (status {answer.status})")
        return answer.out

    def put(self, path, text):
        self.must(f"cat >{path} <<'EOF'\n{text}EOF\n")

    def patience(self):
        """A wait that is long for this machine: several times what its whole start took."""
        return max(60, 4 * (self.boot_seconds or BOOT_LIMIT))

    def note(self, text):
        with open(self.log, "a", encoding="utf-8") as out:
            out.write(time.strftime("%H:%M:%S ") + text + "\n")


def usable_kvm(root, logs):
    """Whether hardware virtualisation works, which an openable /dev/kvm does not say: a kernel started with it has to
    speak before the same kernel does under emulation."""
    if not Path("/dev/kvm").exists():
        return False
    children, consoles = [], []
    for accel in (["-accel", "kvm", "-cpu", "host"], EMULATED):
        console = logs / f"trial-{accel[1].split(',')[0]}.console"
        console.unlink(missing_ok=True)
        consoles.append(console)
        children.append(subprocess.Popen(
            ["qemu-system-x86_64", *accel, "-m", "300", "-nodefaults", "-display", "none", "-no-reboot", "-serial",
             f"file:{console}", "-kernel", root.boot_file("vmlinuz"), "-append", "console=ttyS0 panic=-1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    spoke = lambda console: console.exists() and b"Memory: " in console.read_bytes()
    try:
        until("a kernel under emulation speaks", lambda: any(map(spoke, consoles)), BOOT_LIMIT, 0.1)
        return spoke(consoles[0])
    finally:
        for child in children:
            child.kill()
            child.wait()


EMULATED = ["-accel", "tcg,thread=multi", "-cpu", "max,la57=off,svm=off"]
HARDWARE = ["-accel", "kvm", "-cpu", "host"]
