#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# A shell with children and pipes.
. "$(dirname "$0")/lib.bash"
repeated 'for i in 1 2 3 4 5; do (echo $i; sleep 0.01) | cat | sort & wait; done; echo "$(seq 1000 | tail -n 1)"'
