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
[ -n "${topics[0]}" ] || topics=(messages errors death notify bind info copy)
failed=0

trap 'dvs lab down >/dev/null 2>&1' EXIT
trap 'exit 1' TERM INT
dvs lab down >/dev/null 2>&1
if ! timeout 30 dvs lab up --nodes 2 >/dev/null; then
	echo "not ok - lab up"
	exit 1
fi
for topic in "${topics[@]}"; do
	timeout 100 "$programs/conform_$topic" 0,0,0 0,1,0 || failed=1
done
exit $failed
