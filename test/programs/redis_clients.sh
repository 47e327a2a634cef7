#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# redis whose clients are on a node that it does not come to, and keep their connections.
. "$(dirname "$0")/lib.bash"
needs redis-server redis-benchmark
address=10.77.0.150
start redis-server --port 7018 --bind $address --protected-mode no --save '' --appendonly no --dir .
served_from_afar python3 "$here/redis_load.py" $address 7018
