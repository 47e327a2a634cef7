#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# What is asked for wrongly is refused in one line that names the error, and changes nothing.
. "$(dirname "$0")/lib.bash"
lab 2

says() { # STATUS ERROR COMMAND...
	local status want=$1 error=$2
	shift 2
	begin "dvs ${*:2} gives ${error:-wrong usage}"
	timeout 10 "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	((status == want)) || fail "exit status $status, not $want: $(<"$tmp/err")"
	if [[ $error ]]; then
		grep -q "($error)\|$error" "$tmp/err" || fail "no $error in: $(<"$tmp/err")"
		(($(wc -l <"$tmp/err") == 1)) || fail "more than one line: $(<"$tmp/err")"
	fi
	end
}

server 1 10 64

# the container
says 1 EDVSDCNOTRUN dvs -n 0 run 7 10 -- migr_server 7 10
says 1 EDVSBADDCID dvs -n 0 run 32 10 -- migr_server 32 10
says 1 EDVSDCNOTRUN dvs migrate 7 10 0
says 1 EDVSBADDCID dvs migrate 99 10 0
says 1 EDVSDCNOTRUN dvs ps 7
says 1 EDVSDCNOTRUN dvs dc rm 7
says 1 EDVSRSCBUSY dvs dc create 0
says 1 EDVSBADDCID dvs dc create 32
says 1 EDVSBADNODEID dvs dc create 3 --nodes 0,5

# the endpoint
says 1 EDVSNOTBIND dvs migrate 0 99 0
says 1 EDVSNOTBIND dvs logs 0 99
says 1 EDVSRANGE dvs -n 0 run 0 221 -- migr_server 0 221
says 1 EDVSSLOTUSED dvs -n 0 run 0 10 -- migr_server 0 10
says 1 EDVSSLOTUSED dvs -n 1 run 0 10 -- migr_server 0 10

# the node
says 1 EDVSBADNODEID dvs migrate 0 10 9
says 1 EDVSBADNODEID dvs migrate 0 10 -- -1
says 1 EDVSBADNODEID dvs -n 9 ps
says 1 EDVSBADNODEID dvs lab exec 9 -- true
says 1 EDVSBADNODEID dvs lab kill 9
says 1 EDVSEXIST dvs lab up
says 1 EDVSEXIST dvs lab start 1

begin "a container on node 0 alone has no place on node 1"
timeout 10 dvs dc create 3 --nodes 0 >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
timeout 10 dvs -n 0 run 3 10 -- migr_server 3 10 >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
end
says 1 'EDVSNODCNODE\|EDVSDCNODE' dvs -n 1 run 3 11 -- migr_server 3 11
says 1 EDVSDCNODE dvs migrate 3 10 1
begin "a container that is removed ends its processes"
timeout 10 dvs dc rm 3 --force >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
check_processes migr_server 1
end

# the command
says 1 EDVSNOENT dvs -n 0 run 0 20 -- /no/such/program
says 1 EDVSNOENT dvs lab exec 0 -- no-such-program
says 2 "" dvs
says 2 "" dvs frobnicate
says 2 "" dvs migrate 0 10
says 2 "" dvs migrate 0 ten 1
says 2 "" dvs ps --jsno
says 2 "" dvs -n 32 ps
says 2 "" dvs lab up --nodes 17
says 2 "" dvs_migrate -c 0 10
says 2 "" dvs_migrate -s -r 0 10
says 2 "" dvs_run -l 0 10

begin "a refused migrate --json is one document and a sentence"
timeout 10 dvs migrate 0 99 0 --json >"$tmp/out" 2>"$tmp/err" && fail "exit status 0"
[[ $(field result <"$tmp/out") == refused ]] || fail "$(<"$tmp/out")"
[[ $(field reason <"$tmp/out") ]] || fail "no reason: $(<"$tmp/out")"
(($(wc -l <"$tmp/err") == 1)) || fail "$(<"$tmp/err")"
end

begin "a dry run says yes and moves nothing"
timeout 10 dvs migrate 0 10 0 --dry-run --json >"$tmp/out" 2>"$tmp/err" || fail "$(<"$tmp/err")"
[[ $(field result <"$tmp/out") == possible ]] || fail "$(<"$tmp/out")"
check_tables 10=1
check_processes migr_server 1
end

timeout 40 python3 - "$(lpid_of 10)" <<-'P' || failed=1
	import os, signal, sys
	sys.path.insert(0, "test/scenarios")
	from puppets import Account, Puppet
	with Account("a container with two slots is full with two") as a:
	    ps = [Puppet(0) for _ in range(3)]
	    a.check(ps[0].ask("dcinit 5 2 1 2 2") >= 0, "no container")
	    a.check(ps[0].bind(5, 0) == 0 and ps[1].bind(5, 1) == 1, "two do not fit")
	    a.check(ps[2].bind(5, 2) == -302, "a third slot")
	    a.check(ps[2].bind(5, 1) == -337, "a taken slot")
	    a.check(ps[2].ask("bind 0 6 -1 1 -1") in (-302, -303), "an unknown container")
	    for p in ps:
	        p.end()
	for node in 0, 1:
	    with Account(f"from node {node}, an endpoint nobody has bound is dead") as a:
	        p = Puppet(node)
	        p.bind(0, 20 + node) # the range of servers: others may only sendrec
	        for order, error in ("send 77 5 1000 1", -109), ("sendrec 77 5 1000 1", -105):
	            result = p.ask(order)
	            a.check(result == error, f"{order} gives {result}, not {error}")
	            a.check(p.took < 0.5, f"{order} takes {p.took:.3f} s")
	        p.end()
	waiting = [Puppet(0), Puppet(1)]
	for i, p in enumerate(waiting):
	    p.bind(0, 110 + i)
	    p.tell("sendrec 10 5 -1 1")  # of a type that the server does not answer
	quiet = [p.hear(0.3) is None for p in waiting]
	for p in waiting:
	    p.told = __import__("time").monotonic()
	os.kill(int(sys.argv[1]), signal.SIGKILL)
	answers = [(p.hear(2), p.took) for p in waiting]
	for node, (answer, took) in enumerate(answers):
	    with Account(f"on node {node}, who waits for a killed server learns it within 50 ms") as a:
	        a.check(quiet[node], "it did not wait")
	        a.check(answer and answer[0] in (-108, -109), f"result {answer}")
	        a.check(took < 0.05, f"after {took * 1000:.0f} ms")
	sys.exit(Account.failed)
P

begin "afterwards the tables are empty"
check_tables
check_processes migr_server
end
finish
