#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
#
# Every message call against its contract: all processes on one node, then on two.
#
#	node 0 --------------- node 1
#	caller, third          server
#
# Usage: messages.sh [TOPIC...]
set -u
build=${DVS_BUILD:-$PWD/build}
export PATH="$build/bin:$PATH"
programs=$build/test/conformance
topics=("${@:-}")
[ -n "${topics[0]}" ] || topics=(messages errors death notify bind info copy original)
failed=0

trap 'dvs lab down >/dev/null 2>&1' EXIT
trap 'exit 1' TERM INT
dvs lab down >/dev/null 2>&1
if ! timeout 30 dvs lab up --nodes 2 >/dev/null; then
	echo "not ok - lab up"
	exit 1
fi

# A client and a server written for the original, both on node 0, then the server on node 1.
original() { # NODE EP
	local said
	said=$(mktemp)
	timeout 20 dvs lab exec "$1" -- "$build/examples/original" server 0 "$2" >"$said" 2>&1 &
	local server=$!
	sleep 0.5
	if timeout 20 dvs lab exec 0 -- "$build/examples/original" client 0 27 "$2" 50 >>"$said" 2>&1 &&
		wait $server; then
		echo "ok - a program of the original, server on node $1"
	else
		cat "$said"
		kill $server 2>/dev/null
		wait $server 2>/dev/null
		echo "not ok - a program of the original, server on node $1"
		failed=1
	fi
	rm -f "$said"
}

for topic in "${topics[@]}"; do
	case $topic in
	original)
		original 0 25
		original 1 26
		;;
	*)
		timeout 100 "$programs/conform_$topic" 0,0,0 0,1,0 || failed=1
		;;
	esac
done
exit $failed
