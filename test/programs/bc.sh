#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# bc computes digits of pi.
. "$(dirname "$0")/lib.bash"
needs bc
repeated 'echo "scale=800; 4*a(1)" | bc -l'
