#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# xargs -P runs three processes at a time.
. "$(dirname "$0")/lib.bash"
needs xargs
repeated 'seq 60 | xargs -P 3 -n 1 sh -c "echo \$0" | sort -n'
