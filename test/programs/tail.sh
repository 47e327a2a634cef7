#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# tail -f of a file that grows.
. "$(dirname "$0")/lib.bash"
start sh -c 'touch grows; tail -f grows >rounds & i=0; while [ ! -e end ]; do i=$((i + 1)); echo $i >>grows; sleep 0.02; done; sleep 1.5; kill $!; wait'
moves
ends
cmp -s grows rounds || fail "it missed lines: $(diff grows rounds | head -n 5)"
over
