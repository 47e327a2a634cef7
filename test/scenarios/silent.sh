#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# Calls with time-out 0 while the other node is silent: the link is cut, with requests of its clients taken
# and with some that the clients have given up. None of the calls waits.
. "$(dirname "$0")/lib.bash"
lab 2
export -f cut_links cut_one_way fail not_ok
timeout 50 python3 - <<-'P' || failed=1
	import subprocess, sys, time
	sys.path.insert(0, "test/scenarios")
	from puppets import Account, Puppet

	AGAIN, TIMED_OUT, DIED = -11, -61, -109
	SERVER, CLIENTS, HASTY, STRANGER = 3, range(40, 43), range(43, 46), 50
	server = Puppet(0)
	server.bind(0, SERVER)
	clients = [Puppet(1) for _ in [*CLIENTS, *HASTY, STRANGER]]
	for ep, p in zip([*CLIENTS, *HASTY, STRANGER], clients):
	    p.bind(0, ep)
	for ep, p in zip([*CLIENTS, *HASTY], clients):
	    p.tell(f"sendrec {SERVER} 1 {200 if ep in HASTY else -1} 1")
	for _ in [*CLIENTS, *HASTY]:
	    server.ask("receive 31438 5000")
	time.sleep(0.5)
	subprocess.run(["bash", "-c", "cut_links 0 1"], check=True, timeout=10)
	calls = [(f"reply {ep} 2 0 1", None) for ep in [CLIENTS[0], HASTY[0]]]
	calls += [(f"send {ep} 2 0 1", None) for ep in [CLIENTS[1], HASTY[1], STRANGER]]
	calls += [(f"sendrec {STRANGER} 2 0 1", (AGAIN, TIMED_OUT))]
	calls += [(f"receive {ep} 0", (AGAIN,)) for ep in [CLIENTS[2], STRANGER, 31438]]
	calls += [("rcvrqst 0", (AGAIN,))]
	calls += [(f"wait4bind 1 {STRANGER} 0", (AGAIN,)), ("wait4bind 0 60 0", (TIMED_OUT,))]
	calls += [(f"unbind 0 {CLIENTS[2]} 0", None), (f"unbind 0 {STRANGER} 0", (0,))]
	for call, wanted in calls:
	    with Account(f"{call}: it does not wait for a silent node") as a:
	        server.tell(call)
	        answer = server.hear(8)
	        a.check(answer is not None, "no answer")
	        a.check(server.took < 0.8, f"it took {server.took:.1f} s")
	        a.check(not wanted or answer[0] in wanted, f"result {answer}")
	sys.exit(Account.failed)
P
finish
