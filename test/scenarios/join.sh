#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# A cluster of machines by dvs init, dvs invite, dvs join and dvs leave: two namespaces, each with files, /run and a
# Corosync of its own. A token is of use once, in its time, for a name that is free; then calls and a move cross the
# cable, and the second machine leaves.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/joining.bash"

begin "dvs init makes the first machine a node, once"
on alpha dvs init >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
[[ $(on alpha stat -c '%a %U' /etc/dvs/key /etc/corosync/authkey | sort -u) == '600 root' ]] || fail "$(on alpha ls -l /etc/dvs)"
on alpha dvsd --config /etc/dvs/dvs.conf --check >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
on alpha dvs init >"$tmp/out" 2>&1 && fail "twice"
grep -q 'set up as a node already' "$tmp/out" || fail "$(<"$tmp/out")"
start alpha
until_true 20 is_well || fail "$(<"$tmp/out") $(on alpha tail -n 3 /run/dvsd.log /run/corosync.log)"
end

begin "a wrong token, a name that is taken, a token twice, a token too late: each is refused and leaves nothing"
invite
# Three callers that say nothing are in no newcomer's way.
# shellcheck disable=SC2016
on beta bash -c 'for fd in 7 8 9; do eval "exec $fd<>/dev/tcp/10.77.0.1/7701" || exit 1; done; touch /run/silent; exec sleep infinity' & silent=$!
until_true 10 on beta test -e /run/silent || fail "nobody is silent"
join_is_refused 'the tokens of both sides are not the same' --token "${token%?????}00000"
join_is_refused 'has a node alpha already' --token "$token" --name alpha
on beta dvs join 10.77.0.1 --token "$token" >"$tmp/joined" 2>&1 || fail "$(<"$tmp/joined")"
invite_ends 0
kill "$silent"
on beta bash -c 'mkdir /run/aside; mv /etc/dvs/* /run/aside; mkdir /run/aside/corosync; mv /etc/corosync/* /run/aside/corosync'
join_is_refused 'nobody invites at 10.77.0.1' --token "$token"
on beta bash -c 'mv /run/aside/corosync/* /etc/corosync; rmdir /run/aside/corosync; mv /run/aside/* /etc/dvs'
end

begin "the second machine has key, list and settings, and the first one knows it"
grep -q 'this machine is node 1, beta, at 10.77.0.2' "$tmp/joined" || fail "$(<"$tmp/joined")"
for file in dvs/key dvs/cluster corosync/authkey corosync/corosync.conf; do
	cmp "$tmp/alpha.etc/$file" "$tmp/beta.etc/$file" || fail "$file is another"
done
start beta
until_true 20 both_are_well || fail "$(<"$tmp/out") $(on beta tail -n 3 /run/dvsd.log /run/dvs-corosync.log)"
end

begin "an invitation ends with its time"
invite --time 1
invite_ends 1
grep -q 'nobody has joined in time' "$tmp/invite.err" || fail "$(<"$tmp/invite.err")"
end

begin "dvs leave where something cannot move away names it, and the machine stays what it was"
on alpha dvs dc create 0 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
on beta dvs run 0 12 -- sh -c 'exec 9>/run/held; exec sleep 300' >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
timeout 30 nsenter --target "${init_pid[beta]}" --mount --net --pid --uts --ipc env PATH="$tmp/bin:$PATH" dvs leave >"$tmp/out" 2>&1 &&
	fail "it leaves: $(<"$tmp/out")"
grep -q 'endpoint 12 of container 0 stays here, and so does the node: .' "$tmp/out" || fail "$(<"$tmp/out")"
on beta test -e /run/stopped && fail "services: $(on beta cat /run/stopped)"
both_are_well || fail "$(<"$tmp/out")"
on beta dvs ps 0 --json | grep -q '"p_nr": 12' || fail "$(on beta dvs ps 0)"
on beta dvs stop 0 12 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
end

begin "dvs leave moves a server away under calls, and the first machine goes on alone"
on beta dvs run 0 10 -- migr_server 0 10 64 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
timeout 60 nsenter --target "${init_pid[alpha]}" --mount --net --pid --uts --ipc dvs run 0 11 --wait -- \
	migr_client 0 11 10 4096 400 0.01 >"$tmp/calls" 2>&1 & client=$!
sleep 0.5
timeout 30 nsenter --target "${init_pid[beta]}" --mount --net --pid --uts --ipc env PATH="$tmp/bin:$PATH" dvs leave >"$tmp/out" 2>&1 ||
	fail "$(<"$tmp/out")"
grep -q 'this machine is not node 1 (beta) any more' "$tmp/out" || fail "$(<"$tmp/out")"
[[ $(on beta sort -u /run/stopped | tr '\n' ' ') == 'corosync dvs-corosync dvsd ' ]] || fail "services: $(on beta cat /run/stopped)"
[[ -z $(on beta ls /etc/corosync; on beta ls /etc/dvs | grep -v 'dvs.conf') ]] || fail "files are left: $(on beta ls /etc/dvs /etc/corosync)"
on alpha dvs leave beta >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
wait $client
grep -q 'calls=400 failed=0 lost=0 duplicated=0 reordered=0 corrupted=0' "$tmp/calls" || fail "$(tail -n 1 "$tmp/calls")"
until_true 20 is_well || fail "$(<"$tmp/out")"
grep -q beta "$tmp/out" && fail "$(<"$tmp/out")"
on alpha dvs dc create 1 >"$tmp/out" 2>&1 || fail "alone: $(<"$tmp/out")"
end
exit $failed
