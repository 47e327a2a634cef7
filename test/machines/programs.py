# SPDX-License-Identifier: Apache-2.0
"""Programs of Debian that move between alpha and beta while gamma asks them questions over connections that stay.

Each program has a container of its own, whose service address moves with it.
"""
from pathlib import Path

from machine import until
from roots import Failed

NGINX = """daemon off; worker_processes 2; pid /run/nginx-moved.pid; error_log stderr; user root;
events {{ worker_connections 100; }}
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
	server {{ listen {address}:80; location / {{ return 200 "$request_uri\\n"; }} }} }}
"""
SUMS = Path(__file__).resolve().parent.parent / "programs" / "pgbench_sums.sql"
# A short step of a program, or of a machine that shares its CPUs with the others, refuses a move: it is asked for again.
AGAIN = ("try again", "be received first", "be accepted first", "(EDVSTIMEDOUT)")


class Program:
    """One that was started in a container of its own on alpha."""

    def __init__(self, cluster, dcid, command, address=None):
        self.cluster, self.dcid, self.endpoint = cluster, dcid, 60 + dcid
        self.alpha, self.beta, self.gamma = cluster.machines
        self.alpha.must(f"dvs dc create {dcid}" + (f" --address {address}/24" if address else ""))
        self.alpha.must(f"dvs run {dcid} {self.endpoint} -- {command}")

    def moves(self, count):
        """To and fro, three times. COUNT says how much work has been done, and grows on each machine."""
        self.goes_on("before a move", count)
        for node in (1, 0, 1):
            self.migrate(node)
            self.goes_on(f"on node {node}", count)

    def migrate(self, node):
        # A child that is just being loaded has files of the system open that differ between machines.
        words = f"dvs migrate {self.dcid} {self.endpoint} {node} --carry-files"

        def moved():
            answer = self.alpha.run(words)
            if not answer and not any(why in answer.out for why in AGAIN):
                self.alpha.succeeded(words, answer)
            return bool(answer)
        until(f"endpoint {self.endpoint} moves to node {node}", moved, self.alpha.patience())

    def goes_on(self, when, count):
        before = count()
        try:
            until(f"{when} it goes on", lambda: count() > before, self.alpha.patience())
        except Failed as why:
            raise Failed(f"{why}: {self.alpha.run(f'dvs logs {self.dcid} {self.endpoint} | tail -n 5').out}") from why

    def end(self):
        self.alpha.must(f"dvs stop {self.dcid} {self.endpoint} && dvs dc rm {self.dcid}")


class Questions:
    """A script on gamma that writes a line for each answer, in the order of the questions."""

    def __init__(self, machine, script):
        self.machine = machine
        machine.must("rm -f /root/answers /root/end")
        self.child = machine.begin(f"{{ {script}; }} >/root/answers 2>&1; echo $?")

    def count(self):
        return int(self.machine.must("cat /root/answers 2>/dev/null | wc -l"))

    def end(self, good):
        """GOOD, a command that reads the answers, says whether each was right."""
        said = self.machine.succeeded("the questions", self.machine.end(self.child, self.machine.patience()))
        if said.strip() != "0":
            raise Failed(f"the questions end with status {said.strip()}: {self.machine.run('tail -n 3 /root/answers').out}")
        self.machine.must(f"{good} || {{ tail -n 3 /root/answers; exit 1; }}")


def tree(cluster):
    """A shell, the pipes between its children, and their output."""
    moved = Program(cluster, 1, "sh -c 'while :; do seq 2000 | sort -n | md5sum; sleep 0.1; done'")
    # A sum, two blanks and a dash.
    lines = lambda: [line for machine in (moved.alpha, moved.beta)
                     for line in machine.run("dvs logs 1 61").out.splitlines() if len(line) == 35]
    moved.moves(lambda: len(lines()))
    if len(set(lines())) != 1:
        raise Failed(f"different sums: {set(lines())}")
    moved.end()


def redis(cluster):
    """One connection counts up."""
    moved = Program(cluster, 2, "redis-server --port 7018 --bind 192.0.2.150 --protected-mode no --save '' --appendonly no",
                    "192.0.2.150")
    client = "redis-cli -h 192.0.2.150 -p 7018"
    moved.gamma.must(f"until {client} ping | grep -q PONG; do sleep 0.2; done")
    asked = Questions(moved.gamma, f"while [ ! -e /root/end ]; do echo incr count; done | {client}")
    moved.moves(asked.count)
    moved.gamma.must("touch /root/end")
    asked.end("seq $(wc -l </root/answers) | cmp - /root/answers")
    moved.end()


def nginx(cluster):
    """Two workers and one connection."""
    address = "192.0.2.151"
    for machine in cluster.machines[:2]:
        machine.put("/root/nginx.conf", NGINX.format(address=address))
        machine.must("touch -d @1700000000 /root/nginx.conf")
    moved = Program(cluster, 3, "nginx -c /root/nginx.conf", address)
    moved.gamma.must(f"until curl -s http://{address}/ >/dev/null; do sleep 0.2; done")
    asked = Questions(moved.gamma, f"curl -sS -w '%{{num_connects}} ' 'http://{address}/[1-1000000000]' & "
                      "while [ ! -e /root/end ]; do sleep 0.2; done; kill $!; wait $! || true")
    moved.moves(asked.count)
    moved.gamma.must("touch /root/end")
    # Each line is the question, and after it the number of connections that it took to ask: one, and no other.
    asked.end("sed '$d; s/^[01] //' /root/answers | cmp - <(seq -f '/%.0f' $(($(wc -l </root/answers) - 1))) && "
              "test \"$(grep -c '^1 ' /root/answers)\" = 1")
    moved.end()


def postgresql(cluster):
    """Its files are on a network file system, and two sessions of pgbench change them."""
    alpha, beta, gamma = cluster.machines
    address = "192.0.2.152"
    gamma.must("mkdir -p /srv/moved && systemctl start nfs-server && "
               "exportfs -o rw,no_root_squash,no_subtree_check,async 192.0.2.0/24:/srv/moved")
    for machine in (alpha, beta):
        machine.must("mkdir -p /srv/moved && mount -t nfs4 gamma:/srv/moved /srv/moved")
    home = "$(echo /usr/lib/postgresql/*/bin)"
    user = "setpriv --reuid postgres --regid postgres --clear-groups"
    alpha.must(f"mkdir /srv/moved/data && chown postgres: /srv/moved/data && cd / && "
               f"{user} {home}/initdb -D /srv/moved/data --auth=trust --no-sync >/dev/null && "
               f"echo 'host all all {address}/24 trust' >>/srv/moved/data/pg_hba.conf", 4 * alpha.patience())
    moved = Program(cluster, 4, f"{user} {home}/postgres -D /srv/moved/data -p 7020 -c fsync=off -c unix_socket_directories= "
                    f"-c dynamic_shared_memory_type=sysv -c listen_addresses={address}", address)
    where = f"-h {address} -p 7020 -U postgres"
    gamma.must(f"until psql {where} -qAt -c 'select 1'; do sleep 0.5; done; pgbench -i -q {where} postgres", 2 * gamma.patience())
    asked = Questions(gamma, f"cd /; pgbench {where} -c 2 -n -T 100000 -P 1 postgres & "
                      "while [ ! -e /root/end ]; do sleep 0.2; done; kill $!; wait $! || true")
    moved.moves(asked.count)
    gamma.must("touch /root/end")
    asked.end("! grep -E 'error|fatal|abort|[1-9][0-9]* failed' /root/answers")
    sums = gamma.must(f"psql {where} -qAt -c '{SUMS.read_text()}'")
    if sums.strip() != "t|t|t":
        raise Failed(f"the sums differ: {sums}")
    moved.end()
    for machine in (alpha, beta):
        machine.must("umount /srv/moved")
