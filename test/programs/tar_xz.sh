#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# tar writes an archive through xz.
. "$(dirname "$0")/lib.bash"
needs tar xz
mkdir data
for i in {1..20}; do seq $((i * 1000)) $((i * 1000 + 20000)) >data/$i; done
repeated 'tar -c -I xz data | tee archive | md5sum && tar -x -O -I xz <archive | md5sum'
