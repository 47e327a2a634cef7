#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# Those who bring their own checkpointer: start, a process of theirs on the new node, commit. Messages that
# waited for the old process reach the new one.
. "$(dirname "$0")/lib.bash"
export DVS_FAULT=keep-check # its daemons compare what they leave to a next one with all that there is
lab 3

export -f cut_links heal_links cut_one_way heal_one_way fail not_ok
timeout 50 python3 - <<-'P' || failed=1
	import subprocess, sys, time
	sys.path.insert(0, "test/scenarios")
	from puppets import Account, Puppet
	ANY, SELF = 0x7ACE, 0x8ACE

	def step(node, *words):
	    done = subprocess.run(["dvs", "lab", "exec", str(node), "--", "dvs_migrate", *map(str, words)],
	                          stderr=subprocess.PIPE, text=True, timeout=10)
	    return done.returncode, done.stderr.strip()

	def by_shell(command):
	    subprocess.run(["bash", "-c", command], timeout=10, check=True)

	def owner(slot):
	    rows = subprocess.check_output(["dvs", "-n", "0", "ps", "0", "--proc", "--json"], text=True)
	    return [r["node"] for r in __import__("json").loads(rows) if r["p_nr"] == slot]

	with Account("a commit that names a process gives it the endpoint") as a:
	    old, new, sender = Puppet(1), Puppet(2), Puppet(0)
	    old.bind(0, 20)
	    sender.bind(0, 21)
	    sender.tell("send 20 7 -1 5")
	    a.check(sender.hear(0.2) is None, "the message was taken before anybody received")
	    a.check(step(0, "-s", 0, 20) == (0, ""), "start")
	    a.check(step(0, "-c", 0, 20, 2, new.process.pid) == (0, ""), "commit")
	    a.check(owner(20) == [2], f"owner {owner(20)}")
	    a.check(new.ask(f"wait4bind 0 {SELF} 2000") == 20, "the new process is not bound")
	with Account("what waited for the old process reaches the new one, once") as a:
	    new.tell(f"receive {ANY} 2000")
	    got = new.hear(5)
	    a.check(got and got[:4] == [0, 21, 7, 5], f"received {got}")
	    sent = sender.hear(2)
	    a.check(sent and sent[0] == 0, f"sent {sent}")
	    a.check(new.ask(f"receive {ANY} 200") == -61, "it came twice")
	with Account("the old process has ended") as a:
	    a.check(old.process.wait(timeout=2) is not None, "it runs")
	with Account("both directions work afterwards") as a:
	    new.tell(f"send 21 8 2000 6")
	    a.check(sender.ask(f"receive 20 2000") == 0, "from the new process")
	    sent = new.hear(2)
	    a.check(sent and sent[0] == 0, f"sent {sent}")
	with Account("a commit without a process waits for one that names it") as a:
	    third = Puppet(0)
	    a.check(step(2, "-s", 0, 20) == (0, ""), "start")
	    a.check(step(2, "-c", 0, 20, 0) == (0, ""), "commit without a pid")
	    a.check(owner(20) == [0], f"owner {owner(20)}")
	    sender.tell("send 20 9 -1 1")
	    a.check(sender.hear(0.2) is None, "nobody can have taken it")
	    code, why = step(1, "-c", 0, 20, 0, third.process.pid)
	    a.check(code == 0, f"attaching: {why}")
	    a.check(third.ask(f"wait4bind 0 {SELF} 2000") == 20, "the third process is not bound")
	    a.check(third.ask(f"receive {ANY} 2000") == 0, "the message was lost")
	with Account("a commit that names its process again changes nothing") as a:
	    a.check(step(1, "-c", 0, 20, 0, third.process.pid)[0] == 0, "said again")
	    third.tell(f"receive {ANY} 2000")
	    sender.tell("send 20 4 2000 1")
	    got = third.hear(5)
	    a.check(got and got[0] == 0, f"received {got}")
	    sender.hear(2)
	    third.process.kill()
	    third.process.wait()
	    for _ in range(40):
	        if not owner(20):
	            break
	        time.sleep(0.05)
	    a.check(owner(20) == [], "the endpoint outlives its process")
	    third = Puppet(0)
	    third.bind(0, 20)
	    sender.tell("send 20 4 2000 1")
	    a.check(third.ask(f"receive {ANY} 2000") == 0, "the next one that has the number is not found")
	    sender.hear(2)
	with Account("what the new process sends first is not taken for what the old one had sent") as a:
	    before, after, peer = Puppet(1), Puppet(2), Puppet(0)
	    before.bind(0, 23)
	    peer.bind(0, 24)
	    peer.tell("receive 23 2000")
	    before.tell("send 24 1 2000 1")
	    a.check(peer.hear(3)[0] == 0 and before.hear(3)[0] == 0, "the old one's message")
	    a.check(step(0, "-s", 0, 23) == (0, ""), "start")
	    by_shell("cut_links 0 2")
	    a.check(step(2, "-c", 0, 23, 2, after.process.pid) == (0, ""), "commit")
	    # The peer's node hears of the new process and of its message at the same time.
	    after.tell("send 24 2 4000 2")
	    a.check(after.hear(0.3) is None, "told of something while its peer's node is out of reach")
	    by_shell("heal_links 0 2")
	    sent = after.hear(6)
	    a.check(sent and sent[0] == -61, f"nobody has taken it, and it is told {sent}")
	    after.tell("send 24 3 2000 3")
	    got = peer.ask("receive 23 2000")
	    a.check(got == 0, f"received {got}")
	    after.hear(3)
	with Account("timed calls end in time while START holds the process") as a:
	    held = Puppet(1)
	    held.bind(0, 22)
	    held.tell(f"receive {ANY} 500")
	    a.check(step(0, "-s", 0, 22) == (0, ""), "start")
	    got = held.hear(3)
	    a.check(got and got[0] == -61, f"a receive entered before: {got}")
	    for call, late in ((f"receive {ANY} 300", -61), (f"receive {ANY} 0", -11), ("send 21 7 300 1", -61),
	                       ("sendrec 21 7 300 1", -61)):
	        held.tell(call)
	        got = held.hear(3)
	        a.check(got and got[0] == late, f"{call}: {got}")
	    a.check(step(0, "-r", 0, 22) == (0, ""), "rollback")
	    sender.tell("send 22 5 2000 3")
	    a.check(held.ask(f"receive {ANY} 2000") == 0, "it does not receive on")
	    sender.hear(2)
	sys.exit(Account.failed)
P
finish
