#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# tar writes an archive through gzip.
. "$(dirname "$0")/lib.bash"
needs tar gzip
mkdir data
for i in {1..20}; do seq $((i * 1000)) $((i * 1000 + 20000)) >data/$i; done
repeated 'tar -c -I gzip data | tee archive | md5sum && tar -x -O -I gzip <archive | md5sum'
