#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# awk sums.
. "$(dirname "$0")/lib.bash"
needs awk
repeated 'seq 200000 | awk "{ sum += \$1; if (\$1 % 7 == 0) seen[\$1 % 1000]++ } END { print sum, length(seen) }"'
