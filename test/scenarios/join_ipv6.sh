#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# Two machines with IPv6 alone become a cluster by dvs init, dvs invite and dvs join; Corosync has its ring there, calls
# and a move cross the cable. Addresses that cannot be one of a node, or of this cluster, are refused.
. "$(dirname "$0")/lib.bash"
[[ -e /proc/net/if_inet6 ]] || { echo 'skip - there is no IPv6'; exit 77; }
network=fd77:: bits=64
. "$(dirname "$0")/joining.bash"

begin "the one address of the machine is its address as a node"
on alpha dvs init --address fe80::1 >"$tmp/out" 2>&1 && fail "an address of a link is taken"
grep -q 'an address of one link' "$tmp/out" || fail "$(<"$tmp/out")"
on alpha dvs init >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
grep -q 'this machine is node 0, alpha, at fd77::1' "$tmp/out" || fail "$(<"$tmp/out")"
on alpha dvsd --config /etc/dvs/dvs.conf --check >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
start alpha
until_true 20 is_well || fail "$(<"$tmp/out") $(on alpha tail -n 3 /run/dvsd.log /run/corosync.log)"
end

begin "a machine without an address of that family is refused, and one with it joins"
invite
grep -q 'dvs join fd77::1 --token' "$tmp/invited" || fail "$(<"$tmp/invited")"
join_is_refused 'beta has no address of a family, IPv4 or IPv6, of which all nodes have one' --token "$token" --address 10.77.0.2
on beta dvs join fd77::1 --token "$token" >"$tmp/joined" 2>&1 || fail "$(<"$tmp/joined")"
invite_ends 0
grep -q 'this machine is node 1, beta, at fd77::2' "$tmp/joined" || fail "$(<"$tmp/joined")"
grep -q 'ring0_addr: fd77::2' "$tmp/beta.etc/corosync/corosync.conf" || fail "$(<"$tmp/beta.etc/corosync/corosync.conf")"
start beta
until_true 20 both_are_well || fail "$(<"$tmp/out") $(on beta tail -n 3 /run/dvsd.log /run/dvs-corosync.log)"
end

begin "calls and a move cross the cable"
on alpha dvs dc create 0 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
on beta dvs run 0 10 -- migr_server 0 10 64 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
timeout 60 nsenter --target "${init_pid[alpha]}" --mount --net --pid --uts --ipc dvs run 0 11 --wait -- \
	migr_client 0 11 10 4096 200 0.005 >"$tmp/calls" 2>&1 & client=$!
sleep 0.3
on alpha dvs migrate 0 10 0 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
wait $client
grep -q 'calls=200 failed=0 lost=0 duplicated=0 reordered=0 corrupted=0' "$tmp/calls" || fail "$(tail -n 1 "$tmp/calls")"
end
exit $failed
