#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# alone
# timeout: 60
#
# While the server is stopped for its move, peers on all three nodes send to it: some wait, and have sent
# once it runs again; some wait 200 ms only, and time out then, neither earlier nor much later.
. "$(dirname "$0")/lib.bash"

while_stopped() { # STEP
	export DVS_FAULT=$1:stop
	lab 3
	unset DVS_FAULT
	begin "server for the moves stopped at $1"
	server 1 10 64
	end
	timeout 40 python3 - "$1" <<-'P' || failed=1
		import json, subprocess, sys, time
		sys.path.insert(0, "test/scenarios")
		from puppets import Account, Puppet
		step = sys.argv[1]
		patient = [Puppet(n) for n in range(3)]
		hasty = [Puppet(n) for n in range(3)]
		deaf = Puppet(0)
		for i, p in enumerate(patient + hasty + [deaf]):
		    p.bind(0, 12 + i) # the range of servers: others may only sendrec
		move = subprocess.Popen(["dvs", "migrate", "0", "10", "2", "--json"], stdout=subprocess.PIPE, text=True)
		time.sleep(0.3)
		for p in patient:
		    p.tell("send 10 5 -1 1")
		for p in hasty:
		    p.tell("send 10 5 200 1")
		deaf.tell("receive 10 200")
		for node, p in enumerate(hasty):
		    with Account(f"a send from node {node} times out while the server is stopped at {step}") as a:
		        answer = p.hear(5)
		        a.check(answer and answer[0] == -61, f"result {answer}, not EDVSTIMEDOUT")
		        a.check(0.19 < p.took < 0.35, f"after {p.took:.3f} s")
		        a.check(move.poll() is None, "the server had moved already")
		with Account(f"a receive from the server times out while it is stopped at {step}") as a:
		    answer = deaf.hear(5)
		    a.check(answer and answer[0] == -61, f"result {answer}, not EDVSTIMEDOUT")
		    a.check(0.19 < deaf.took < 0.6, f"after {deaf.took:.3f} s")
		with Account(f"the move stopped at {step} is committed") as a:
		    report = json.loads(move.communicate(timeout=10)[0])
		    a.check(report["result"] == "committed", report["reason"])
		for node, p in enumerate(patient):
		    with Account(f"a send from node {node} waits for the server stopped at {step}") as a:
		        answer = p.hear(5)
		        a.check(answer and answer[0] == 0, f"result {answer}")
		        a.check(p.took > 0.5, f"sent after {p.took:.3f} s, while the server was stopped")
		sys.exit(Account.failed)
	P
	begin "after a stop at $1 the server serves and nothing is left over"
	client 0 120 10 50 0
	client_ok 120
	check_tables 10=2
	check_processes migr_server 2
	end
}

while_stopped source-frozen
while_stopped source-commit
finish
