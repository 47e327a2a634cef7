#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# tar writes an archive through zstd, which has threads.
. "$(dirname "$0")/lib.bash"
needs tar zstd
mkdir data
for i in {1..20}; do seq $((i * 1000)) $((i * 1000 + 20000)) >data/$i; done
repeated 'tar -c -I "zstd -T2" data | tee archive | md5sum && tar -x -O -I zstd <archive | md5sum'
