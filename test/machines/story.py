# SPDX-License-Identifier: Apache-2.0
"""What is seen on whole machines: each scenario is a method, and says one `ok` or `not ok` by its first line.

The machines are alpha (node 0), beta (node 1) and gamma (node 2). Endpoint 10 is the server that most scenarios
call; it starts on alpha.
"""
import re
import time

import programs
from cluster import Cluster, Client
from document import Document
from machine import until
from roots import Failed

KEY = "/etc/dvs/key"


def expect(true, why):
    if not true:
        raise Failed(str(why))


class Story:
    def __init__(self, machines, operations, only):
        self.machines, self.only = machines, only
        self.alpha, self.beta, self.gamma = (machines + [None])[:3]
        self.doc = Document(operations)
        self.cluster = Cluster(machines)
        self.failed = 0

    def tell(self):
        """Nothing can be seen where the machines do not start or are no cluster; the rest stands each by itself."""
        stages = (self.boot,) if self.only == ["boot"] else (self.boot, self.install, self.form)
        if not all(self.check(scenario) for scenario in stages):
            return 1
        full = (self.move, self.other_release, self.drain, self.tree, self.redis, self.nginx,
                self.postgresql, self.rotate, self.rotate_corosync, self.upgrade, self.killed, self.stopped,
                self.cut, self.replaced, self.removed)
        for scenario in full if self.gamma else (self.move, self.killed_of_two):
            if not self.only or scenario.__name__ in self.only:
                self.check(scenario, self.cluster.ready)
        return 1 if self.failed else 0

    def check(self, scenario, before=lambda: None):
        start = time.monotonic()
        try:
            before()
            scenario()
            print(f"ok - {scenario.__doc__} ({time.monotonic() - start:.0f} s)", flush=True)
            return True
        except (Failed, LookupError, ValueError, OSError) as why:
            self.failed += 1
            print(f"not ok - {scenario.__doc__}: {why}", flush=True)
            self.cluster.keep_journals()
            return False

    # The cluster, as doc/OPERATIONS.md has an administrator make it.

    def boot(self):
        """the machines start, each with a kernel of its own"""
        for machine in self.machines:
            machine.start()
        for machine in self.machines:
            machine.booted()
            kernel = machine.must("uname -r")
            print(f"# {machine.name}: Linux {kernel.strip()} after {machine.boot_seconds:.0f} s", flush=True)

    def install(self):
        """the packages install as OPERATIONS.md says"""
        self.cluster.everywhere(self.doc.block("The packages"), 4)

    def form(self):
        """the machines become one cluster as OPERATIONS.md says: the first is made, the others are invited"""
        self.alpha.must(self.doc.block("The first machine"))
        for machine in self.machines[1:]:
            self.invite(machine)
        self.cluster.whole()
        self.alpha.must("dvs dc create 0")

    def invite(self, machine):
        """With the token that this invitation shows, and the name and address of this machine, in the command of beta."""
        invite = self.doc.block("Each further machine", "dvs invite").strip()
        self.alpha.must(f"{invite} >/root/invited 2>&1 & until grep -q -e --token /root/invited; do "
                        "kill -0 $! || { cat /root/invited; exit 1; }; sleep 0.2; done")
        token = re.search(r"--token (\S+)", self.alpha.must("cat /root/invited"))[1]
        join = re.sub(r"--token \S+", f"--token {token}", self.doc.block("Each further machine", "dvs join"))
        join = join.replace("beta", machine.name).replace("192.0.2.11", machine.address)
        # Its last line is the health check, which is as well as the whole cluster: see form().
        machine.must(join.replace("dvs nodes", "dvs nodes || true"))

    # What a cluster is for.

    def move(self):
        """a server moves to and fro between two machines while it is called, and no call is lost or doubled"""
        client = Client(self.gamma or self.alpha, 11, 10)
        for node in (1, 0, 1):
            self.cluster.migrate(10, node)
            client.goes_on()
        client.ends_well()

    def other_release(self):
        """a move to another release of Debian is refused, and the refusal names what differs: a file, or the kernel's"""
        self.cluster.server(self.gamma, 12)
        answer = self.alpha.run("dvs migrate 0 12 0")
        expect(answer.status == 1, f"the move was not refused: {answer.out}")
        if "vdso" in answer.out:
            differing = "uname -r"  # The file that the kernel brings itself is looked at before those of the disk.
        else:
            path = re.search(r"/(usr|lib)[\w./+-]*", answer.out)
            expect(path, f"no file is named: {answer.out}")
            differing = f"sha256sum {path[0]} || true"
        seen = {machine.must(differing).split()[0] for machine in (self.alpha, self.gamma)}
        expect(len(seen) == 2, f"both machines have the same {differing}: {answer.out}")
        Client(self.alpha, 13, 12).ends_well()
        self.alpha.must("dvs stop 0 12")

    def drain(self):
        """a drained machine has nothing left, and no call is lost"""
        node = self.cluster.owner(10)
        self.cluster.server(self.machines[node], 14)
        clients = [Client(self.gamma, 15, 10), Client(self.gamma, 16, 14)]
        self.alpha.must(f"dvs drain {node}")
        expect(self.cluster.owner(10) == 1 - node and self.cluster.owner(14) == 1 - node, self.alpha.run("dvs ps").out)
        for client in clients:
            client.ends_well()
        self.alpha.must("dvs stop 0 14")

    # Programs that know nothing of it.

    def tree(self):
        """a shell moves between two machines with its children and the pipes between them"""
        programs.tree(self.cluster)

    def redis(self):
        """redis moves between two machines, and a client on the third one counts on over its connection"""
        programs.redis(self.cluster)

    def nginx(self):
        """nginx moves with its workers, and a client on the third machine keeps its connection"""
        programs.nginx(self.cluster)

    def postgresql(self):
        """PostgreSQL moves with its sessions, and no transaction of pgbench is lost or fails"""
        programs.postgresql(self.cluster)

    # What may befall it.

    def rotate(self):
        """the key of the cluster is exchanged under calls, and a server moves at each step"""
        first = self.alpha.must(f"dvs key show {KEY}").split()[1]
        client = Client(self.gamma, 17, 10)
        step = self.doc.block("Exchange the key", "dvs key rotate")
        rest = "".join(line + "\n" for line in step.splitlines() if "rotate" not in line)
        for _ in range(3):
            self.alpha.must(step)
            self.alpha.must(rest.replace(self.beta.address, self.gamma.address).replace("-n 1", "-n 2"))
            self.cluster.whole()
            self.cluster.migrate(10, 1 - self.cluster.owner(10))
            client.goes_on()
        client.ends_well()
        for machine in self.machines:
            expect(first not in machine.must(f"dvs key show {KEY}"), f"{machine.name} has the first key still")

    def rotate_corosync(self):
        """Corosync's key is exchanged under calls, and no machine is put out"""
        client, lives = Client(self.gamma, 19, 10), [self.cluster.incarnation(node) for node in range(3)]
        digest = lambda: {machine.must("sha256sum /etc/corosync/authkey") for machine in self.machines}
        former = digest()
        for line in self.doc.block("Exchange the key", "authkey").splitlines():
            for address in (self.beta.address, self.gamma.address) if self.beta.address in line else ("",):
                self.alpha.must(line.replace(self.beta.address, address))
        expect(len(digest()) == 1 and digest() != former, "the machines have not one new key")
        client.goes_on()
        self.cluster.server(self.beta, 24)
        self.alpha.must("dvs stop 0 24")
        self.cluster.whole()
        client.ends_well()
        expect(lives == [self.cluster.incarnation(node) for node in range(3)], "a machine was put out")

    def upgrade(self):
        """an upgrade of the packages changes the daemons under their conversations"""
        client = Client(self.gamma, 18, 10)
        for machine in self.machines:
            before = self.identity(machine)
            machine.must("rm -r build/deb && mv build/deb.next build/deb")
            machine.must(self.doc.block("Upgrade", "apt install"), 4 * machine.patience())
            expect(machine.must("dpkg-query -W -f '${Version}' dvs").endswith("+next"), "it is the former package")
            expect(self.identity(machine) == before, f"{machine.name}: other processes: {before}")
            program = machine.must("readlink /proc/$(systemctl show -P MainPID dvsd)/exe").strip()
            expect(program == "/usr/sbin/dvsd", f"{machine.name} executes {program}")
            client.goes_on()
        self.cluster.whole()
        client.ends_well()
        # The example server is of the package: its file has another one's name now.
        answer = self.alpha.run(f"dvs migrate 0 10 {1 - self.cluster.owner(10)}")
        expect(answer.status == 1 and "migr_server (deleted)" in answer.out, f"it moves without its file: {answer.out}")
        self.alpha.must("dvs stop 0 10")

    def identity(self, machine):
        return machine.must("systemctl show -P MainPID dvsd; pgrep -x migr_server; true")

    def killed(self):
        """a machine loses its power: its processes are dead everywhere in time, the rest goes on, and it comes back"""
        self.cluster.migrate(10, 0)
        self.cluster.server(self.beta, 20)
        client, victim = Client(self.gamma, 21, 10), Client(self.alpha, 22, 20)
        rest = [self.alpha, self.gamma]
        looks = [self.cluster.look_seconds(machine) for machine in rest]
        watches = [(machine, self.cluster.watch_end(machine, 20)) for machine in rest]
        start = [self.cluster.clock(machine) for machine in rest]
        self.beta.kill()
        for (machine, watch), began, look in zip(watches, start, looks):
            answer = machine.end(watch, machine.patience())
            expect(answer, f"{machine.name} has the server of the dead machine still: {answer.out}")
            seen = float(answer.out.split()[-1]) - began
            view = self.cluster.view_changed(machine, began) - began
            said = f"{machine.name} saw the end of beta's server after {seen:.1f} s, and its Corosync changed the view after {view:.1f} s"
            print(f"# {said}; {self.cluster.detector(machine)}; a look takes {look:.1f} s", flush=True)
            expect(seen < 1.2 * view + 2 * look, said)
        expect("failed=0" not in victim.end(), f"the client of the dead server: {victim.account}")
        client.ends_well()
        Client(self.alpha, 23, 10).ends_well()
        self.beta.start()
        self.beta.booted()
        self.cluster.whole()
        expect(not self.beta.run("pgrep -x migr_server"), "beta has its former server again")

    def stopped(self):
        """a machine that stood still for longer than the token fences itself, and nothing of it speaks"""
        self.cluster.migrate(10, 0)
        self.cluster.server(self.beta, 30)
        stale = Client(self.beta, 31, 10)
        stale.goes_on()
        former = self.beta.must("pgrep 'migr_(server|client)'").split()
        life = self.cluster.incarnation(1)
        self.beta.monitor("stop")
        for machine in (self.alpha, self.gamma):
            machine.must(self.cluster.until_ended(30))
        # The endpoint has another server now: a word of the former one would be an answer too many.
        self.cluster.server(self.alpha, 30)
        client = Client(self.gamma, 32, 30)
        client.goes_on()
        self.beta.monitor("cont")
        until("beta has a new life", lambda: self.cluster.incarnation(1) != life, self.beta.patience())
        self.cluster.whole()
        left = [pid for pid in former if self.beta.run(f"grep -q migr /proc/{pid}/comm")]
        expect(not left, f"processes {left} of the former life run on beta")
        stale.end()
        client.goes_on()
        client.ends_well()
        self.goes_on_as_a_service(self.beta)
        expect(self.cluster.owner(30) == 0, self.alpha.run("dvs ps").out)
        self.alpha.must("dvs stop 0 30")

    def goes_on_as_a_service(self, machine):
        """The new life is the unit's that was there before, for longer than the manager waits for an end."""
        machine.must("timeout $(( $(systemctl show -P TimeoutStopUSec dvsd | tr -dc 0-9) + 5 )) "
                     "sh -c 'while systemctl -q is-active dvsd; do sleep 1; done'; test $? = 124")
        expect(machine.must("systemctl show -P NRestarts dvsd").strip() == "0", "the manager has started dvsd again")

    def cut(self):
        """a cable is cut: the minority changes nothing, the majority goes on, and on healing its state holds"""
        self.cluster.migrate(10, 0)
        self.cluster.server(self.beta, 40)
        local, client = Client(self.beta, 41, 40), Client(self.gamma, 42, 10)
        former = self.beta.must("pgrep -x migr_server").split()
        self.beta.plug(False)
        until("beta says that it has no quorum", lambda: "quorum: no" in self.beta.run("dvs nodes").out,
              self.beta.patience())
        answer = self.beta.run("dvs run 0 43 -- migr_server 0 43 64")
        expect(answer.status == 1 and "quorum" in answer.out, f"the minority binds an endpoint: {answer.out}")
        local.goes_on()
        for machine in (self.alpha, self.gamma):
            machine.must(self.cluster.until_ended(40))
        self.cluster.server(self.alpha, 43)
        client.goes_on()
        self.beta.plug(True)
        self.cluster.whole()
        left = [pid for pid in former if self.beta.run(f"grep -q migr /proc/{pid}/comm")]
        expect(not left, f"servers {left} of the minority run")
        client.ends_well()
        tables = {self.cluster.table(machine) for machine in self.machines}
        expect(len(tables) == 1, f"the machines have different tables: {tables}")
        expect((10, 0) in next(iter(tables)) and (43, 0) in next(iter(tables)), tables)
        self.alpha.must("dvs stop 0 43")

    def replaced(self):
        """a machine is lost, and a new one in its place joins with its name, address and number"""
        self.cluster.migrate(10, 0)
        self.cluster.server(self.beta, 52)
        client = Client(self.gamma, 51, 10)
        self.beta.kill()
        for machine in (self.alpha, self.gamma):
            machine.must(self.cluster.until_ended(52))
        self.beta.make_disk(self.beta.root.image)
        self.beta.start()
        self.beta.booted()
        self.beta.must(self.doc.block("The packages"), 4 * self.beta.patience())
        self.invite(self.beta)
        self.cluster.whole()
        expect([row["name"] for row in self.cluster.nodes(self.gamma)] == ["alpha", "beta", "gamma"],
               self.gamma.run("dvs nodes").out)
        client.goes_on()
        self.cluster.migrate(10, 1)
        client.ends_well()

    def removed(self):
        """a machine leaves and its packages are removed, as OPERATIONS.md says, and the others go on"""
        self.cluster.migrate(10, 1)
        client = Client(self.gamma, 50, 10)
        self.alpha.must(self.doc.block("Leave and remove", "apt remove"), 4 * self.alpha.patience())
        expect(not self.alpha.run("pgrep 'dvs|migr_'"), "something of DVS still runs")
        client.goes_on()
        self.beta.must(self.doc.block("Leave and remove", "dvs leave beta").replace("beta", "alpha"))
        self.cluster.machines = [self.beta, self.gamma]
        self.cluster.whole()
        client.goes_on()
        client.ends_well()

    def killed_of_two(self):
        """one of two machines loses its power: the other says that it has no quorum, and all is well when it is back"""
        self.cluster.server(self.beta, 20)
        self.beta.kill()
        until("alpha says that it has no quorum", lambda: "quorum: no" in self.alpha.run("dvs nodes").out,
              self.alpha.patience())
        self.beta.start()
        self.beta.booted()
        self.cluster.whole()
        self.alpha.must(self.cluster.until_ended(20))
        expect(not self.beta.run("pgrep -x migr_server"), "beta has its former server again")
