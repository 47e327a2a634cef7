#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# Killed with -9 at any instruction of a call: test/conformance/killed.c, at some points of each. At
# every one of them: POINTS=0 test/scenarios/killed.sh, which takes long.
. "$(dirname "$0")/lib.bash"

lab 1
timeout "${LIMIT:-100}" dvs lab exec 0 -- "$build/test/conformance/killed" "${POINTS:-5}" || failed=1
begin "nothing is left bound, and the node serves"
[[ $(timeout 10 dvs ps 0 --json) == "[]" ]] || until_true 3 eval '[[ $(timeout 10 dvs ps 0 --json) == "[]" ]]' ||
	fail "$(dvs ps 0)"
server 0 10 64
client 0 40 10 50 0
client_ok 40
end
finish
