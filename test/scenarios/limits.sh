#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# Nine servers move 1 -> 2 at the same time, and the worker of each move, at the source or at the target,
# stops at another step for good. The limit of the plan ends each move by name, the server goes on where it
# was, and nothing of it is left at the target. STARTING, ROLLING_BACK and UNBINDING wait for the order and
# for no worker: the simulator has seen the limits of those pass.
. "$(dirname "$0")/lib.bash"

# Endpoint, step, and the state whose limit passes at the source (any of them, where both sides are in it).
steps='10 source-check checking
11 source-offer offering
12 source-frozen freezing
13 source-sent sending
14 target-offer offering
15 target-check offering
16 target-checked offering
17 target-load sending|loading
18 target-loaded sending|loading'

DVS_FAULT=$(while read -r ep step _; do printf '%s@%d:hang,' "$step" "$ep"; done <<<"$steps")
export DVS_FAULT=${DVS_FAULT%,}
lab 3
unset DVS_FAULT
begin "the servers start"
for ep in {10..19}; do server 1 "$ep" 64; done
# What the target opens once and keeps is open then.
move 19 2
end
# But its bells, which a slot keeps once it has one.
open_fds() { ls -l "/proc/$(daemon_pid 2)/fd" | grep -vc deleted; }
before=$(open_fds)
declare -A moving
for ep in {10..18}; do
	(
		begin=$EPOCHREALTIME
		timeout 30 dvs -n 0 migrate 0 "$ep" 2 --json >"$tmp/moved.$ep" 2>"$tmp/err.$ep"
		echo "$begin $EPOCHREALTIME" >"$tmp/time.$ep"
	) &
	moving[$ep]=$!
done
while read -r ep step state; do
	begin "a worker that stops at $step: the limit of $state ends the move"
	wait "${moving[$ep]}"
	result=$(field result <"$tmp/moved.$ep")
	wanted=rolled_back
	[[ $state == checking || $state == offering ]] && wanted=refused
	[[ $result == "$wanted" ]] || fail "result '$result', not $wanted: $(<"$tmp/err.$ep")"
	grep -q EDVSTIMEDOUT "$tmp/err.$ep" || fail "no EDVSTIMEDOUT: $(<"$tmp/err.$ep")"
	grep -qE "while ($state)" "$tmp/err.$ep" || fail "not by name: $(<"$tmp/err.$ep")"
	took=$(awk '{ printf "%d", ($2 - $1) * 1000 }' "$tmp/time.$ep")
	# The limit is 5 s from the last sign of life, which is looked for twice in a second; a busy machine is slower.
	((took > 4900 && took < 15000)) || fail "it took $took ms"
	end
done <<<"$steps"

begin "the servers go on where they were, and nothing is left at the target"
for ep in {10..18}; do
	client 0 "1$ep" "$ep" 20 0
	client_ok "1$ep"
done
check_processes migr_server 1 1 1 1 1 1 1 1 1 2
# The target's own limit ends what its source has given up before.
nothing_arrives() { [[ ! $(nodes_of dvs-shell) ]] && (($(open_fds) <= before)); }
until_true 12 nothing_arrives || fail "shells on nodes '$(nodes_of dvs-shell)', $(open_fds) descriptors after $before"
check_tables 10=1 11=1 12=1 13=1 14=1 15=1 16=1 17=1 18=1 19=2
end
finish
