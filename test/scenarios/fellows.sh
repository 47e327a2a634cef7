#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# engines: local corosync
# timeout: 200
#
# Several endpoints of one tree of processes move with one commit, while they call each other, call others, and are
# called: or none of them does.
. "$(dirname "$0")/lib.bash"
family=$build/test/fellows/family

# The endpoints are at that node, and their calls go on.
all_at() { # NODE EP...
	local ep
	for ep in "${@:2}"; do
		[[ $(owner "$ep") == "$1" ]] || fail "endpoint $ep is on node $(owner "$ep"), not $1"
	done
	calling "${@:2}"
}
named() { # EP...: those that went, as the move says in any order, and no others
	local want have
	want=$(printf '%s\n' "$@" | sort -n | tr '\n' ' ')
	have=$(python3 -c 'import json,sys
print(*sorted(json.load(sys.stdin)["endpoints"]))' <<<"$moved")
	[[ "$have " == "$want" ]] || fail "it names the endpoints $have, not $want"
}
callers() { # NODE EP MEMBER...: from outside
	timeout "$limit" dvs lab exec "$1" -- "$family" 0 "$2" call "${@:3}" >"$tmp/callers.$2" 2>&1 &
	caller_pid[$2]=$!
}
declare -A caller_pid
callers_ok() { # EP...
	local ep
	for ep; do
		kill -TERM "${caller_pid[$ep]}"
		wait "${caller_pid[$ep]}"
		grep -qx 'turns=[0-9]* failed=0' "$tmp/callers.$ep" || fail "callers $ep: $(<"$tmp/callers.$ep")"
	done
}
started() { # NODE EP COMMAND...
	timeout 10 dvs -n "$1" run 0 "$2" -- "${@:3}" >/dev/null 2>"$tmp/err" || fail "$2 is not started: $(<"$tmp/err")"
}
log_has_no_failure() { # EP
	timeout 10 dvs logs 0 "$1" >"$tmp/log" 2>&1
	! grep failed "$tmp/log" | grep -qv failed=0 || fail "$(<"$tmp/log")"
}

export DVS_FAULT=keep-check # its daemons compare what they leave to a next one with all that there is
lab 3
unset DVS_FAULT

begin "a process with bound threads and bound children moves with all of them, whichever is named"
started 0 40 "$family" 0 40 2 2
callers 1 100 41 42 43 44
callers 0 101 41 44
calling 40 41 42 43 44 100 101
move 40 1
named 40 41 42 43 44
all_at 1 40 41 42 43 44
move 44 2
named 40 41 42 43 44
all_at 2 40 41 42 43 44
[[ $(field pid <<<"$moved") == "$(lpid_of 44)" ]] || fail "pid $(field pid <<<"$moved") is not $(lpid_of 44)"
move 42 0
all_at 0 40 41 42 43 44
end

begin "a dry run says which would go, and moves none"
timeout 20 dvs migrate 0 43 2 --dry-run >"$tmp/dry" 2>&1 || fail "$(<"$tmp/dry")"
grep -qx 'with it would go endpoints 40, 41, 42, 44, of the same processes' "$tmp/dry" || fail "$(<"$tmp/dry")"
all_at 0 40 41 42 43 44
end

begin "a second move of the same processes is refused, and an image of them"
timeout 20 dvs checkpoint 0 40 "$tmp/image" >/dev/null 2>"$tmp/err" && fail "there is an image"
grep -q 'has one endpoint' "$tmp/err" || fail "it says: $(<"$tmp/err")"
timeout 20 dvs checkpoint 0 43 "$tmp/image" >/dev/null 2>"$tmp/err" && fail "there is an image of a child"
grep -q 'descends from process' "$tmp/err" || fail "it says: $(<"$tmp/err")"
callers_ok 100 101
log_has_no_failure 40
timeout 10 dvs stop 0 40 >/dev/null || fail "not stopped"
check_tables
end

begin "a first process that is no endpoint moves with those that are"
server 2 30 64
timeout 10 dvs -n 0 run --unbound 0 -- sh -c 'migr_server 0 51 64 & migr_server 0 52 64 & sleep 1; migr_client 0 53 51 1024 100000000 0.002 & migr_client 0 54 30 1024 100000000 0.002 & wait' >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
until_true 10 owner 52 >/dev/null || fail "no endpoint 52"
client 2 150 52 on 0.002
calling 53 54 150
for to in 1 2 0; do
	move 53 $to
	named 51 52 53 54
	all_at $to 53 54
	calling 150
done
client_ok 150
end

begin "a drain takes them as one, and counts each"
timeout 30 dvs drain 0 >"$tmp/drained" 2>&1 || fail "$(<"$tmp/drained")"
[[ $(owner 51) != 0 && $(owner 51) == "$(owner 52)" && $(owner 54) == "$(owner 53)" ]] || fail "$(timeout 10 dvs ps 0)"
calling 53 54
for ep in 51 52 53 54; do
	timeout 10 dvs kill 0 $ep --signal KILL >/dev/null || fail "not killed"
done
timeout 10 dvs stop 0 30 >/dev/null || fail "not stopped"
check_tables
end

# One that stands is killed: the others go on where they were, and it is known to be dead.
for step in source-frozen source-sent; do
	export DVS_FAULT=$step:stop
	lab 3
	unset DVS_FAULT
	begin "a child that is killed at $step ends the move, and no other"
	started 0 40 sh -c "migr_server 0 41 64 & migr_server 0 42 64 & wait"
	until_true 10 owner 42 >/dev/null || fail "no endpoint 42"
	client 2 100 41 on 0.002
	calling 100
	timeout 30 dvs migrate 0 40 1 --json >"$tmp/moved" 2>"$tmp/err" &
	moving=$!
	at_fault "$step"
	kill -KILL "$(lpid_of 42)"
	wait $moving
	[[ $(field result <"$tmp/moved") == rolled_back ]] || fail "$(<"$tmp/moved")$(<"$tmp/err")"
	check_tables 40=0 41=0 100=2
	check_processes migr_server 0
	calling 100
	client_ok 100
	end
done

# A node that dies takes its own with it, and all of the others are on one node.
for step in source-frozen source-commit target-loaded target-commit; do
	export DVS_FAULT=$step:stop
	lab 3
	unset DVS_FAULT
	begin "all of them are on one node when the target dies at $step"
	started 0 40 "$family" 0 40 1 1
	calling 40 41 42
	timeout 30 dvs migrate 0 40 1 --json >"$tmp/moved" 2>"$tmp/err" &
	moving=$!
	at_fault "$step"
	timeout 10 dvs lab kill 1 >/dev/null || fail "not killed"
	wait $moving
	gone_or_here() { [[ $(rows_of 40) == '[]' && $(rows_of 42) == '[]' ]] || [[ $(owner 40) == 0 && $(owner 41) == 0 && $(owner 42) == 0 ]]; }
	until_true 20 gone_or_here || fail "$(timeout 10 dvs ps 0) after $(<"$tmp/moved")$(<"$tmp/err")"
	[[ $(rows_of 40) == '[]' ]] || calling 40 41 42
	end
done
finish
