#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
#
# The three steps by hand with an image in a file, as the scripts of the original had them with DMTCP: start, checkpoint,
# copy, restart on the other node, commit. The server of the original goes from node to node so, under a client that
# counts its calls.
. "$(dirname "$0")/lib.bash"
lab 3

on() { # NODE COMMAND...: as on that machine
	local node=$1
	shift
	timeout 30 dvs lab exec "$node" -- "$@" >"$tmp/out" 2>&1 || fail "$* on node $node: $(<"$tmp/out")"
}
owner() { timeout 5 dvs ps 0 --json | python3 -c "
import json, sys
print(next((r['node'] for r in json.load(sys.stdin) if r['p_nr'] == $1), ''))"; }
pid_of() { timeout 5 dvs -n "$1" ps 0 --json | python3 -c "
import json, sys
print(next((r['lpid'] for r in json.load(sys.stdin) if r['p_nr'] == $2), ''))"; }

# One session: the steps as an operator types them.
by_hand() { # FROM TO
	mkdir -p "$tmp/node$1" "$tmp/node$2"
	on "$1" dvs_migrate -s 0 10
	on "$1" dvs checkpoint 0 10 "$tmp/node$1/image" --stop
	cp "$tmp/node$1/image" "$tmp/node$2/image" || fail "copy"
	on "$2" dvs restore "$tmp/node$2/image"
	grep -q "stands by for dvs_migrate -c" "$tmp/out" || fail "restore says: $(<"$tmp/out")"
	[[ $(owner 10) == "$1" ]] || fail "it has moved before the commit, to $(owner 10)"
	on "$2" dvs_migrate -c 0 10 "$2"
	[[ $(owner 10) == "$2" ]] || fail "the owner is node $(owner 10), not $2"
}

begin "start, checkpoint, copy, restart, commit: the client loses no call"
server 0 10 512
client 2 11 10 on 0.002
until_true 10 has_called 11 20 || fail "it does not call"
old=$(pid_of 0 10)
by_hand 0 1
[[ ! -e /proc/$old ]] || [[ $(<"/proc/$old/stat") == *") Z "* ]] || fail "the old process is there still"
until_true 20 has_called 11 $(($(calls_of 11) + 20)) || fail "the client does not go on"
end

begin "and on to the node of the client, and back"
by_hand 1 2
until_true 20 has_called 11 $(($(calls_of 11) + 20)) || fail "the client does not go on"
by_hand 2 0
client_ok 11
end

begin "a session that is rolled back leaves the old process going on"
client 1 12 10 on 0.002
until_true 10 has_called 12 20 || fail "it does not call"
on 0 dvs_migrate -s 0 10
on 0 dvs checkpoint 0 10 "$tmp/image" --stop
on 1 dvs_migrate -r 0 10
client_ok 12
end

begin "its image is of no use for a commit then"
timeout 30 dvs -n 1 restore "$tmp/image" >"$tmp/out" 2>&1 && fail "it was restored beside its process"
grep -q EDVSSLOTUSED "$tmp/out" || fail "not for that: $(<"$tmp/out")"
end

finish
