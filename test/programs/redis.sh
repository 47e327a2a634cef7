#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# redis under redis-benchmark, and a counter that goes on.
. "$(dirname "$0")/lib.bash"
needs redis-server redis-benchmark
served 'exec redis-server --port 7013 --bind 127.0.0.1 --save "" --appendonly no --dir .' "python3 $here/redis_load.py 127.0.0.1 7013"
