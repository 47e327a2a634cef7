#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# A pool of Python processes.
. "$(dirname "$0")/lib.bash"
needs python3
cat >work.py <<'P'
import multiprocessing, os
def square(x):
    return x * x
if __name__ == "__main__":
    n = 0
    with multiprocessing.Pool(3) as pool:
        while not os.path.exists("end"):
            n += 1
            assert pool.map(square, range(1000)) == [i * i for i in range(1000)]
            print(n, flush=True)
P
start sh -c 'exec python3 work.py >rounds 2>&1'
moves
ends
seq "$(progress)" | cmp -s - rounds || fail "wrong: $(grep -vxE "[0-9]+" rounds | tail -n 5)"
over
