#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# cluster
#
# One of two machines crashes: the other one has no quorum until it takes that one off, and a new machine in its place
# joins with its name, address and number.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/joining.bash"

begin "two machines are a cluster"
on alpha dvs init >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
start alpha
until_true 20 is_well || fail "$(<"$tmp/out") $(on alpha tail -n 3 /run/dvsd.log /run/corosync.log)"
joins
on alpha dvs dc create 0 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
end

begin "a machine that crashed is taken off the list, and another one in its place gets its name and number"
on alpha dvs run 0 12 -n 1 -- migr_server 0 12 64 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
on alpha dvs leave beta >"$tmp/out" 2>&1 && fail "it leaves although it is up"
grep -q 'is up: run `dvs leave` there' "$tmp/out" || fail "$(<"$tmp/out")"
on beta bash -c 'kill -KILL -1'
until_true 30 has_no_quorum || fail "$(on alpha dvs nodes 2>&1)"
on alpha dvs leave beta >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
grep -q 'node 1 (beta) is off the list' "$tmp/out" || fail "$(<"$tmp/out")"
until_true 20 is_well || fail "$(<"$tmp/out")"
grep -q beta "$tmp/out" && fail "$(<"$tmp/out")"
on alpha dvs ps 0 --json | grep -q '"p_nr": *12\b' && fail "its server is there: $(on alpha dvs ps 0)"
on beta bash -c 'rm -f /etc/dvs/* /etc/corosync/*; rm -rf /var/lib/corosync/*'
joins
on alpha dvs run 0 12 -n 1 -- migr_server 0 12 64 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
end
exit $failed
