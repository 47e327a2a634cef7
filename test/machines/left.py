# SPDX-License-Identifier: Apache-2.0
"""That a test which is ended in the middle leaves nothing behind: a run is started and ended while its machines start."""
import os
import signal
import subprocess
import sys
from pathlib import Path

from machine import BOOT_LIMIT, CLUSTER, CONTROL, until
from roots import Failed


def processes(build):
    """Those of a run of this build, by the names of its files: pid to namespace of the network."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
            if b"qemu-system" in words and str(build / "machines").encode() in words:
                found[int(folder.name)] = os.readlink(folder / "ns/net")
        except OSError:
            pass
    return found


def users_of(network):
    def uses(folder):
        try:
            return os.readlink(folder / "ns/net") == network
        except OSError:
            return False
    return [folder.name for folder in Path("/proc").glob("[0-9]*") if uses(folder)]


def look(command, build, number):
    """Raises Failed where something is left after signal NUMBER."""
    # What it counts, being ended, is no result of anybody's.
    env = {name: value for name, value in os.environ.items() if name != "DVS_TOTALS"}
    run = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        # The first kernels are those of the trial; the machines have disks.
        disks = build / "machines" / "disks"
        until("machines start", lambda: run.poll() is not None or list(disks.glob("*.qcow2")) and processes(build),
              BOOT_LIMIT)
        networks = set(processes(build).values())
        if len(networks) != 1 or run.poll() is not None:
            raise Failed(f"no machine was started to be ended: networks {networks}")
        run.send_signal(number)
        run.wait(60)
        network = networks.pop()
        until("its machines and its network are gone", lambda: not processes(build) and not users_of(network), 60)
    finally:
        run.kill()
        run.wait()
    links = subprocess.run(["ip", "-br", "link"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(build / "machines") in line]
    if mounts or {CLUSTER, CONTROL, "alpha", "beta"} & set(links):
        raise Failed(f"links {links}, mounts {mounts}")
    if number == signal.SIGINT and disks.exists():
        raise Failed(f"{disks} is left")


def check(program, build, short):
    name = "a run that is ended in the middle, by an interrupt or a kill, leaves nothing behind"
    command = [sys.executable, program, str(build), "--only", "boot"] + ["--short"] * short
    try:
        for number in (signal.SIGINT, signal.SIGKILL):
            look(command, build, number)
        print(f"ok - {name}", flush=True)
        return True
    except (Failed, OSError, subprocess.TimeoutExpired) as why:
        print(f"not ok - {name}: {why}", flush=True)
        return False
