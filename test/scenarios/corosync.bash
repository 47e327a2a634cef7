# SPDX-License-Identifier: Apache-2.0
# Shared by the scenarios about Corosync itself; sourced after lib.bash.
[[ -e $build/bin/dvs-corosync ]] && command -v corosync >/dev/null || exit 77
export DVS_LAB_GROUP=corosync

quorum() { # NODE WORD
	[[ $(timeout 10 dvs -n "$1" nodes 2>/dev/null) == *"quorum: $2"* ]]
}
# The processes of that name in the network of a node.
of_node() { # NODE NAME
	local pid net
	net=$(readlink "/proc/$(daemon_pid "$1")/ns/net")
	for pid in $(pgrep -x "$2"); do
		[[ $(readlink "/proc/$pid/ns/net") != "$net" ]] || echo "$pid"
	done
}
all_corosyncs() { of_node 0 corosync && of_node 1 corosync && of_node 2 corosync; }
whole() { # every node sees all others
	local n
	for n in 0 1 2; do
		timeout 10 dvs -n "$n" nodes >/dev/null 2>&1 || return 1
	done
}
be_whole() {
	until_true 25 whole || fail "the nodes do not find each other: $(timeout 10 dvs -n "${1:-0}" nodes 2>&1)"
}
of_one_mind() { # every node's table is that of node 0
	local rows
	rows=$(timeout 10 dvs -n 0 ps --proc 0 --json | python3 -c 'import json,sys
print(*("%d=%d" % (r["p_nr"], r["node"]) for r in json.load(sys.stdin)))')
	tables_agree $rows
}
