#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# busybox: a shell and its tools.
. "$(dirname "$0")/lib.bash"
needs busybox
repeated 'busybox sh -c "for i in 1 2 3 4 5; do busybox seq \$i 100 | busybox tr 1 2 | busybox sort -r | busybox md5sum; done"'
