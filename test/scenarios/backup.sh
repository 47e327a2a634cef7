#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# A task that stands by for an endpoint on another node: it waits in its next call until a commit by hand
# makes it the endpoint's process; the peers go on with it. dvs_run -b starts one.
. "$(dirname "$0")/lib.bash"
lab 3

timeout 50 python3 - <<-'P' || failed=1
	import json, subprocess, sys, time
	sys.path.insert(0, "test/scenarios")
	from puppets import Account, Puppet
	ANY, SELF, BACKUP = 0x7ACE, 0x8ACE, 3
	EDVS = dict(NOTBIND=-310, SLOTUSED=-337, NONODE=-316, BADNODEID=-301, BADPID=-305)

	def step(node, *words):
	    done = subprocess.run(["dvs", "lab", "exec", str(node), "--", *map(str, words)],
	                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=10)
	    return done.returncode, done.stderr.strip() or done.stdout.strip()

	def row(node, slot):
	    rows = json.loads(subprocess.check_output(["dvs", "-n", str(node), "ps", "0", "--proc", "--json"], text=True))
	    found = [r for r in rows if r["p_nr"] == slot]
	    return found[0] if found else {"flags": 1, "misc": 0, "node": -1, "lpid": -1, "waitmigr": 27342}

	def becomes(node, slot, flags, misc):
	    end = time.monotonic() + 3
	    while time.monotonic() < end:
	        r = row(node, slot)
	        if (r["flags"], r["misc"]) == (flags, misc):
	            return True
	        time.sleep(0.02)
	    return False

	def shown(node, slot):
	    r = row(node, slot)
	    return f"{r['flags']:x}/{r['misc']:x}"

	with Account("a backup stands by in its next call") as a:
	    primary, backup, client, other = Puppet(1), Puppet(2), Puppet(0), Puppet(2)
	    primary.bind(0, 20)
	    client.bind(0, 21)
	    a.check(backup.ask(f"bind {BACKUP} 0 -1 20 1") == 20, "not bound as the backup")
	    a.check(becomes(2, 20, 0x1000, 0x30), f"row {shown(2, 20)}")
	    backup.tell(f"receive {ANY} 5000")
	    a.check(becomes(2, 20, 0x9000, 0x30) and row(2, 20)["waitmigr"] == 20, f"row {shown(2, 20)}")
	    a.check(backup.hear(0.4) is None, "it did not wait")
	    a.check(row(2, 20)["node"] == 1, "the row names another primary")
	    a.check(row(0, 20)["flags"] == 0x1000 and row(0, 20)["misc"] == 0, "others see the backup")
	with Account("what is wrong with a backup is said") as a:
	    a.check(other.ask(f"bind {BACKUP} 0 -1 20 1") == EDVS["SLOTUSED"], "a second one")
	    a.check(other.ask(f"bind {BACKUP} 0 -1 21 1") == EDVS["NONODE"], "on another node than named")
	    a.check(other.ask(f"bind {BACKUP} 0 -1 22 1") == EDVS["NOTBIND"], "of nobody")
	    a.check(other.ask(f"bind {BACKUP} 0 -1 20 2") == EDVS["BADNODEID"], "of this node")
	    a.check(other.ask(f"bind {BACKUP} 0 3999999 20 1") == EDVS["BADPID"], "no such pid")
	    a.check(primary.ask(f"bind {BACKUP} 0 -1 20 2") == EDVS["SLOTUSED"], "the primary is here")
	with Account("meanwhile the primary answers") as a:
	    client.tell("sendrec 20 7 5000 1")
	    a.check(primary.ask(f"receive {ANY} 2000") == 0 and primary.ask("reply 21 8 2000 2") == 0, "primary")
	    a.check(client.hear(3)[0] == 0, "client")
	with Account("a commit that names another process than the backup is refused") as a:
	    a.check(step(0, "dvs_migrate", "-s", 0, 20) == (0, ""), "start")
	    code, why = step(2, "dvs_migrate", "-c", 0, 20, 2, other.process.pid)
	    a.check(code != 0 and "EDVSBADPID" in why, why)
	    a.check(becomes(2, 20, 0x9800, 0x30), f"row {shown(2, 20)}")
	with Account("a commit to its node makes it the endpoint, and the call that waits goes on") as a:
	    client.tell("sendrec 20 7 8000 1")
	    a.check(client.hear(0.2) is None, "the held primary answered")
	    a.check(step(0, "dvs_migrate", "-c", 0, 20, 2) == (0, ""), "commit")
	    request = backup.hear(3)
	    a.check(request and request[:3] == [0, 21, 7], f"received {request}")
	    a.check(backup.ask("reply 21 9 2000 3") == 0, "reply")
	    got = client.hear(5)
	    a.check(got and got[0] == 0 and got[2] == 9, f"client: {got}")
	    a.check(becomes(2, 20, 0, 0x20), f"row {shown(2, 20)}")
	    a.check(row(2, 20)["lpid"] == backup.process.pid, "lpid")
	    a.check(row(0, 20)["node"] == 2, "owner")
	    a.check(primary.process.wait(timeout=2) is not None, "the old primary runs")
	with Account("a backup promotes itself") as a:
	    second = Puppet(1)
	    a.check(second.ask(f"bind {BACKUP} 0 -1 20 2") == 20, "bind")
	    a.check(second.ask("migrate 0 -1 0 20 -1") == 0, "start")
	    a.check(second.ask("migrate 1 -1 0 20 1") == 0, "commit")
	    a.check(second.ask(f"wait4bind 0 {SELF} 2000") == 20, "it is not bound")
	    client.tell("sendrec 20 7 8000 1")
	    a.check(second.ask(f"receive {ANY} 2000") == 0 and second.ask("reply 21 8 2000 2") == 0, "serving")
	    a.check(client.hear(3)[0] == 0, "client")
	with Account("unbinding a backup leaves the primary alone") as a:
	    third = Puppet(2)
	    third.bind(0, 23)
	    a.check(third.ask(f"bind {BACKUP} 0 {other.process.pid} 20 1") == 20, "bind of another")
	    a.check(third.ask("unbind 0 20 0") == 0, "unbind")
	    a.check(other.ask(f"receive {ANY} 100") == EDVS["NOTBIND"], "the backup is bound")
	    a.check(becomes(2, 20, 0x1000, 0), f"row {shown(2, 20)}")
	    a.check(second.ask(f"wait4bind 0 {SELF} 100") == 20, "the primary is not bound")
	with Account("the end of a backup is its own affair") as a:
	    fourth = Puppet(0)
	    a.check(fourth.ask(f"bind {BACKUP} 0 -1 20 1") == 20, "bind")
	    fourth.end()
	    a.check(becomes(0, 20, 0x1000, 0), f"row {shown(0, 20)}")
	    a.check(second.ask(f"wait4bind 0 {SELF} 100") == 20, "the primary is not bound")
	with Account("the primary's end unbinds the backup, which may bind itself then") as a:
	    other.ask(f"bind {BACKUP} 0 -1 20 1")
	    other.tell(f"receive {ANY} 3000")
	    a.check(becomes(2, 20, 0x9000, 0x30), f"row {shown(2, 20)}")
	    second.end()
	    a.check(other.hear(3)[0] == EDVS["NOTBIND"], "it still waits")
	    a.check(other.bind(0, 20) > 0, "it cannot bind itself")
	sys.exit(Account.failed)
P

begin "dvs_run -b starts one, and a commit promotes it"
timeout 10 dvs lab exec 0 -- dvs_run -l 0 30 sleep 100 >"$tmp/out" 2>&1 || fail "-l: $(<"$tmp/out")"
timeout 10 dvs lab exec 1 -- dvs_run -b 0 30 0 sleep 100 >"$tmp/out" 2>&1 || fail "-b: $(<"$tmp/out")"
pid=$(timeout 10 dvs -n 1 ps 0 --proc --json | python3 -c 'import json,sys
print(*[r["lpid"] for r in json.load(sys.stdin) if r["p_nr"]==30])')
timeout 10 dvs lab exec 1 -- dvs_run -b 0 31 0 sleep 100 >"$tmp/out" 2>&1 && fail "a backup of nobody"
grep -q EDVSNOTBIND "$tmp/out" || fail "$(<"$tmp/out")"
timeout 10 dvs lab exec 1 -- dvs_run -b 0 30 1 sleep 100 >"$tmp/out" 2>&1 && fail "a backup of its own node"
grep -q EDVSBADNODEID "$tmp/out" || fail "$(<"$tmp/out")"
timeout 10 dvs migrate 0 30 1 >"$tmp/out" 2>&1 && fail "a move onto its backup"
grep -q EDVSSLOTUSED "$tmp/out" || fail "$(<"$tmp/out")"
[[ $(owner 30) == 0 ]] || fail "owner $(owner 30) after the refusal"
timeout 10 dvs -n 1 restart >"$tmp/out" 2>&1 || fail "restart: $(<"$tmp/out")"
timeout 20 dvs drain 1 >"$tmp/out" 2>&1 || fail "drain: $(<"$tmp/out")"
[[ $(owner 30) == 0 ]] || fail "owner $(owner 30) after the backup's node was drained"
timeout 10 dvs lab exec 2 -- dvs_migrate -s 0 30 2>"$tmp/err" || fail "start: $(<"$tmp/err")"
timeout 10 dvs lab exec 2 -- dvs_migrate -c 0 30 1 2>"$tmp/err" || fail "commit: $(<"$tmp/err")"
[[ $(owner 30) == 1 ]] || fail "owner $(owner 30)"
[[ $(rows_of 30 | field name) == sleep ]] || fail "name $(rows_of 30 | field name)"
until_true 3 eval '[[ $(lpid_of 30) == "$pid" ]]' || fail "lpid $(lpid_of 30), the backup is $pid"
end

begin "what was promoted can be moved by dvs migrate"
move 30 2
end
kill "$(lpid_of 30)"

begin "afterwards the tables are empty"
check_tables
check_processes sleep
check_processes puppet
end
finish
