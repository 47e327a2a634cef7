#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# Python starts processes and reads what they say.
. "$(dirname "$0")/lib.bash"
needs python3
cat >work.py <<'P'
import os, subprocess
n = 0
while not os.path.exists("end"):
    n += 1
    done = subprocess.run(["tr", "a", "b"], input=b"a" * n, stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"b" * n
    print(n, flush=True)
P
counts python3 work.py
