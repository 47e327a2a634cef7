# SPDX-License-Identifier: Apache-2.0
"""What machines are made of: a root of a Debian release, the packages built for that release, and a disk.

A root is made once and kept in CACHE until what it is made from changes or it is a week old; the packages are built
again when the tree has changed.
"""
import hashlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
WEEK = 7 * 24 * 3600
# What a machine has before anything of DVS comes to it.
INCLUDE = ("systemd-sysv,udev,dbus,kmod,iproute2,nftables,procps,openssh-server,openssh-client,initramfs-tools,zstd,"
           "linux-image-cloud-amd64,ca-certificates")
# Programs that move between machines, and others that serve them files and ask them questions. None starts by itself.
PROGRAMS = "redis-server redis-tools nginx postgresql curl nfs-kernel-server nfs-common"
# The folder that doc/OPERATIONS.md calls a clone of the tree.
CLONE = "root/dvs"

NETWORK_UNIT = """[Unit]
Description=Name and addresses from the command line of the kernel
DefaultDependencies=no
Before=network-pre.target ssh.service sysinit.target
After=systemd-remount-fs.service
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/machine-network

[Install]
WantedBy=sysinit.target
"""
NETWORK_SCRIPT = """#!/bin/bash
for word in $(</proc/cmdline); do
	case $word in
	machine.name=*) hostname "${word#*=}"; echo "${word#*=}" >/etc/hostname ;;
	machine.eth*=*) device=${word#machine.}; device=${device%%=*}
		for _ in {1..100}; do [ -e /sys/class/net/$device ] && break; sleep 0.1; done
		ip address add "${word#*=}/24" dev $device; ip link set $device up ;;
	esac
done
ip link set lo up
"""


class Failed(Exception):
    """A machine or what it is made of could not be made: its text says why."""


def release_of_host():
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return release.get("VERSION_CODENAME", "").strip('"') if release.get("ID") == "debian" else ""


def logged(log, command, **more):
    """Runs a command with its output at the end of a file. Raises Failed."""
    with open(log, "a", encoding="utf-8") as out:
        out.write("+ " + " ".join(map(str, command)) + "\n")
        out.flush()
        done = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **more)
    if done.returncode:
        end = "\n".join(Path(log).read_text(errors="replace").splitlines()[-8:])
        raise Failed(f"{Path(str(command[0])).name} ended with status {done.returncode}, see {log}:\n{end}")


def digest(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def tree_files():
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"],
                            cwd=TOP, stdout=subprocess.PIPE, check=True, text=True).stdout
    return sorted(name for name in listed.split("\0") if name and (TOP / name).exists())


def tree_digest():
    """Of all that packages are built from: documents of the tests and the tests themselves are not in them."""
    whole = hashlib.sha256()
    for name in tree_files():
        if not name.startswith(("test/", ".ci/", "packages.txt")):
            whole.update(name.encode() + b"\0" + (TOP / name).read_bytes())
    return whole.hexdigest()[:16]


def make_key(cache, logs):
    """One key for the test and for the machines among each other, of whatever release."""
    if not (cache / "ssh").exists():
        cache.mkdir(exist_ok=True)
        logged(logs / "ssh.log", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", cache / "ssh"])


class Root:
    """A Debian root of one release in a folder, made by mmdebstrap."""

    def __init__(self, release, cache, logs, programs):
        self.release, self.programs = release, programs
        self.folder = cache / release
        self.path = self.folder / "root"
        self.deb = self.folder / "deb"
        self.key = cache / "ssh"
        self.log = logs / f"{release}.log"

    def make(self):
        recipe = digest(INCLUDE, self.programs, NETWORK_UNIT, NETWORK_SCRIPT)
        stamp = self.folder / "root.stamp"
        if stamp.exists() and stamp.read_text() == recipe and time.time() - stamp.stat().st_mtime < WEEK:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        # The lists and the fetched packages stay: the machines have no way to a mirror.
        logged(self.log, ["mmdebstrap", "--variant=apt", "--include=" + INCLUDE, "--skip=cleanup/apt",
                          self.release, self.path])
        self.furnish()
        stamp.write_text(recipe)

    def furnish(self):
        """The little that a machine needs to be reached, and to be installed without a mirror."""
        self.write("etc/systemd/system/machine-network.service", NETWORK_UNIT)
        self.write("usr/local/sbin/machine-network", NETWORK_SCRIPT, 0o755)
        self.write("etc/apt/apt.conf.d/90machine", 'APT::Get::Assume-Yes "true";\n'
                   'APT::Keep-Downloaded-Packages "true";\nDpkg::Use-Pty "false";\n')
        self.write("etc/fstab", "/dev/vda / ext4 defaults 0 0\n")
        self.write("etc/hosts", "127.0.0.1 localhost\n192.0.2.10 alpha\n192.0.2.11 beta\n192.0.2.12 gamma\n")
        self.write("etc/ssh/sshd_config.d/machine.conf", "PermitRootLogin prohibit-password\nUseDNS no\n"
                   "MaxSessions 64\nMaxStartups 64\n")
        self.write("root/.ssh/config", "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n")
        if self.programs:
            self.furnish_programs()
        self.chroot("systemctl enable machine-network; systemctl mask systemd-timesyncd apt-daily.timer "
                    "apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer; true")

    def furnish_programs(self):
        self.write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        self.write("etc/postgresql-common/createcluster.conf", "create_main_cluster = false\n")
        self.chroot(f"apt-get -qq -o Dpkg::Options::=--force-confold install --no-install-recommends {self.programs} && "
                    "systemctl disable redis-server nginx postgresql nfs-server && rm /usr/sbin/policy-rc.d")

    def let_in(self):
        """The key, and nothing else, opens a machine to the test and to other machines."""
        self.write("root/.ssh/authorized_keys", self.key.with_suffix(".pub").read_text())
        self.write("root/.ssh/id_ed25519", self.key.read_text(), 0o600)

    def write(self, name, text, mode=0o644):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def chroot(self, script, root=None):
        """Runs a shell script in the root, or in another one above it, with the network of this machine."""
        root = root or self.path
        resolv = root / "etc/resolv.conf"
        resolv.unlink(missing_ok=True)
        shutil.copy("/etc/resolv.conf", resolv)
        proxy = [f"{name}={os.environ[name]}" for name in ("http_proxy", "https_proxy") if name in os.environ]
        enter = ("mount -t proc proc $1/proc && mount --rbind /dev $1/dev && mount -t tmpfs tmpfs $1/tmp && "
                 "exec chroot $1 env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "
                 'DEBIAN_FRONTEND=noninteractive "${@:3}" bash -c "$2"')
        logged(self.log, ["unshare", "--mount", "--propagation", "private", "bash", "-c", enter, "chroot", root,
                          script] + proxy)

    def packages(self):
        """Builds the packages for this release, as `make deb` does, if the tree has changed."""
        now, stamp = tree_digest(), self.folder / "deb.stamp"
        if stamp.exists() and stamp.read_text() == now and list(self.deb.glob("*.deb")):
            return
        shutil.rmtree(self.deb, ignore_errors=True)
        self.deb.mkdir()
        made = self.build_here() if self.release == release_of_host() else self.build_inside()
        for deb in made.glob("*.deb"):
            shutil.copy(deb, self.deb)
        stamp.write_text(now)

    def build_here(self):
        """On this machine, which is of the same release."""
        built = self.folder / "built"
        logged(self.log, ["make", "deb", f"BUILD={built}"], cwd=TOP)
        return built / "deb"

    def build_inside(self):
        """In the root, with an overlay for all that building needs and a machine does not. What was fetched for it stays."""
        builder = self.folder / "builder"
        for name in ("upper", "work", "root"):
            (builder / name).mkdir(parents=True, exist_ok=True)
        logged(self.log, ["mount", "-t", "overlay", "overlay", "-o",
                          f"lowerdir={self.path},upperdir={builder}/upper,workdir={builder}/work", builder / "root"])
        try:
            clone = builder / "root" / CLONE
            shutil.rmtree(clone, ignore_errors=True)
            for name in tree_files():
                (clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(TOP / name, clone / name, follow_symlinks=False)
            self.chroot("apt-get -qq install --no-install-recommends make git && cd /root/dvs && "
                        "git -c init.defaultBranch=main init -q && git add -A && make deb", builder / "root")
            made = builder / "made"
            shutil.rmtree(made, ignore_errors=True)
            shutil.copytree(clone / "build/deb", made, ignore=lambda folder, names: [n for n in names
                            if not n.endswith(".deb")])
        finally:
            subprocess.run(["umount", "--lazy", builder / "root"], check=False)
        return made

    def disk(self):
        """A disk with the root and the packages to be installed. Nothing is installed yet; it only need not be fetched."""
        image, stamp = self.folder / "disk.img", self.folder / "disk.stamp"
        self.let_in()
        now = "".join((self.folder / name).read_text() for name in ("root.stamp", "deb.stamp", "../ssh.pub"))
        if image.exists() and stamp.exists() and stamp.read_text() == now:
            return image
        build = self.path / CLONE / "build"
        shutil.rmtree(build, ignore_errors=True)
        shutil.copytree(self.deb, build / "deb")
        self.next_packages(build / "deb.next")
        self.chroot("apt-get -qq --download-only install corosync /root/dvs/build/deb/*.deb")
        image.unlink(missing_ok=True)
        logged(self.log, ["mke2fs", "-q", "-t", "ext4", "-d", self.path, image, "2500M"])
        stamp.write_text(now)
        return image

    def next_packages(self, folder):
        """The same packages as a later version, to be upgraded to."""
        folder.mkdir()
        for deb in [*self.deb.glob("dvs_*.deb"), *self.deb.glob("libdvk1_*.deb")]:
            opened = self.folder / "opened"
            shutil.rmtree(opened, ignore_errors=True)
            logged(self.log, ["dpkg-deb", "-R", deb, opened])
            control = opened / "DEBIAN/control"
            control.write_text(re.sub(r"^(Version: .*)$", r"\1+next", control.read_text(), flags=re.M))
            logged(self.log, ["dpkg-deb", "-b", "--root-owner-group", opened, folder / deb.name])
            shutil.rmtree(opened)

    def boot_file(self, name):
        """The newest kernel (`vmlinuz`) or its first file system (`initrd.img`)."""
        found = sorted((self.path / "boot").glob(name + "-*"))
        if not found:
            raise Failed(f"the root of {self.release} has no {name}: see {self.log}")
        return found[-1]
