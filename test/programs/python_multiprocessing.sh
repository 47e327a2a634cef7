#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# A pool of Python processes.
. "$(dirname "$0")/lib.bash"
needs python3
counts python3 "$here/pool.py"
