#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# Starting programs: what they inherit, what they write, how they end; and the log of one that moves.
. "$(dirname "$0")/lib.bash"
lab 2

is() { # WHAT HAVE WANT
	[[ $2 == "$3" ]] || fail "$1: '$2', not '$3'"
}

begin "run passes folder, umask, environment and arguments, and takes the exit status"
out=$(cd /usr && umask 027 && WORD="two words" timeout 10 dvs -n 1 run --wait 0 40 -- sh -c 'pwd; umask; echo "$WORD"; echo "${DVS_NODE-none}"; echo "$1"; exit 7' sh "an argument" 2>"$tmp/err")
is "exit status" $? 7
is output "$out" $'/usr\n0027\ntwo words\nnone\nan argument'
grep -q '^lpid=[0-9]* vpid=[0-9]* endpoint=40 node=1$' "$tmp/err" || fail "pids: $(<"$tmp/err")"
end

begin "run says how a signal ended the process"
timeout 10 dvs -n 0 run --wait 0 41 -- sh -c 'kill -TERM $$' >/dev/null 2>&1
is "exit status" $? 143
end

begin "run --json is one document"
out=$(timeout 10 dvs -n 1 run 0 42 --json -- sleep 100)
is node "$(field node <<<"$out")" 1
is lpid "$(field lpid <<<"$out")" "$(lpid_of 42)"
out=$(timeout 10 dvs -n 1 run 0 43 --json --wait -- sh -c 'echo hello; exit 3')
is "exit status" $? 3
is status "$(field status <<<"$out")" 3
is log "$(field log <<<"$out")" hello
end

begin "an interrupt detaches and leaves the process alone"
timeout 20 dvs -n 1 run --wait 0 44 -- sleep 100 >"$tmp/out" 2>&1 &
waiting=$!
until_true 3 grep -q lpid= "$tmp/out" || fail "it did not start"
pkill -INT -P $waiting -x dvs
wait $waiting
is "exit status" $? 130
grep -q detached "$tmp/out" || fail "it does not say so: $(<"$tmp/out")"
is owner "$(owner 44)" 1
end

begin "one log, before and after a move, wherever it is asked for"
server 1 10 64
client 0 110 10 20 0
client_ok 110
before=$(timeout 10 dvs -n 0 logs 0 10)
move 10 0
is "log after the move" "$(timeout 10 dvs -n 1 logs 0 10)" "$before"
[[ $before == *"serving as endpoint 10"* ]] || fail "log: $before"
timeout 10 dvs -n 1 logs 0 10 -f >"$tmp/out" 2>"$tmp/err" &
following=$!
until_true 5 grep -q "serving as endpoint 10" "$tmp/out" || fail "nothing is followed"
kill "$(lpid_of 10)"
wait $following
is "followed log" "$(<"$tmp/out")" "$before"
end

begin "dvs_run starts a command that is bound already"
timeout 10 dvs lab exec 1 -- dvs_run -l 0 50 sleep 100 >"$tmp/out" 2>"$tmp/err" || fail "-l: $(<"$tmp/err")"
is "owner" "$(owner 50)" 1
timeout 10 dvs lab exec 0 -- dvs_run -l 0 50 sleep 100 >"$tmp/out" 2>"$tmp/err" && fail "a slot was bound twice"
grep -q EDVSSLOTUSED "$tmp/err" || fail "$(<"$tmp/err")"
timeout 10 dvs lab exec 1 -- dvs_run -r 0 51 sleep 100 >"$tmp/out" 2>"$tmp/err" || fail "-r: $(<"$tmp/err")"
(($(rows_of 51 | field misc) & 0x80)) || fail "a replica without MIS_REPLICATED: $(rows_of 51)"
end

timeout 30 python3 - <<-'P' || failed=1
	import subprocess, sys
	sys.path.insert(0, "test/scenarios")
	from puppets import Account, Puppet
	with Account("the end of a command is told to whom its DC names, with its status") as a:
	    told = Puppet(0)
	    a.check(told.ask("dcinit 9 221 35 64 32 5 777") == 0, "no DC")
	    a.check(told.ask("bind 0 9 -1 5 -1") == 5, "not bound")
	    subprocess.run(["dvs", "-n", "1", "run", "9", "10", "--", "sh", "-c", "exit 3"], check=True, timeout=10,
	                   stdout=subprocess.DEVNULL)
	    told.tell("receive 31438 5000")
	    got = told.hear(6)
	    a.check(got and got[:5] == [0, 10, 777, 3 << 8, -1], f"received {got}")
	    a.check(told.ask("reply 10 1 1000 0") == 0, "reply")
	    told.end()
	    a.check(Puppet(0).ask("dcend 9") == 0, "the DC stays")
	sys.exit(Account.failed)
P

for ep in 42 44 50 51; do kill "$(lpid_of $ep)"; done
begin "afterwards the tables are empty"
check_tables
check_processes sleep
end
finish
