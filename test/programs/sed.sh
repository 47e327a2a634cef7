#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# sed in a pipe.
. "$(dirname "$0")/lib.bash"
repeated 'seq 100000 | sed "s/1/x/g; s/\(.\)5/\15/"'
