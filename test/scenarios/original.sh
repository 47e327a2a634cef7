#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
#
# Programs written for the original, unchanged: headers by their old names, messages cast to long, a
# local_nodeid of their own, every call by its macro.
. "$(dirname "$0")/lib.bash"
programs=$build/test/original

runs() { # WHAT NODE PROGRAM ARGS...
	begin "$1"
	timeout 20 dvs lab exec "$2" -- "$programs/$3" "${@:4}" >"$tmp/out" 2>&1 ||
		fail "$3: $(tail -n 1 "$tmp/out")"
	end
}

begin "without a DVS every call says so"
timeout 20 unshare -n "$programs/alone" >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
end

lab 2
runs "every message call, between a parent and the child it binds" 0 talk 0
runs "once more, with generations" 1 talk 0
runs "threads with endpoints of their own" 0 threads 0
runs "a container, its tables and privileges" 1 tables 5

begin "a server that attaches itself on its new node, while its client goes on calling"
dvs lab exec 0 -- "$programs/server" 0 20 1000000 >"$tmp/old" 2>&1 &
old=$!
until_true 5 grep -q serves "$tmp/old" || fail "server: $(<"$tmp/old")"
timeout 40 dvs lab exec 0 -- "$programs/client" 0 21 20 600 >"$tmp/client" 2>&1 &
client=$!
until_true 5 grep -q "node 0" "$tmp/client" || fail "client: $(<"$tmp/client")"
dvs lab exec 1 -- "$programs/server" 0 20 1000000 >"$tmp/new" 2>&1 &
new=$!
wait $client || fail "client: $(tail -n 1 "$tmp/client")"
[[ $(grep -c answered "$tmp/client") == 2 ]] || fail "answers: $(<"$tmp/client")"
[[ $(owner 20) == 1 ]] || fail "owner $(owner 20)"
until_true 3 ended $old || fail "the old server runs"
kill $new
end

{ wait $new $old; } 2>/dev/null # what the shell says of their ends

begin "afterwards the tables are empty"
check_tables
end
finish
