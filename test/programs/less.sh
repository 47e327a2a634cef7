#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# less writes a file into a pipe.
. "$(dirname "$0")/lib.bash"
needs less
seq 200000 >text
repeated 'less text | cat'
