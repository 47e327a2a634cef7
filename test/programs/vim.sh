#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# vim -es edits a file.
. "$(dirname "$0")/lib.bash"
needs vim
seq 3000 >text
repeated 'vim -es -u NONE -i NONE -n -c "%s/1/one/g" -c "g/5/m0" -c "w! edited" -c "q!" text </dev/null; cat edited'
