#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# check
#
# Python threads hand each other work.
. "$(dirname "$0")/lib.bash"
needs python3
cat >work.py <<'P'
import os, queue, threading
there, back = queue.Queue(10), queue.Queue(10)
def work():
    while (number := there.get()) is not None:
        back.put(number * 2)
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
n = 0
while not os.path.exists("end"):
    n += 1
    for _ in range(100):
        for i in range(10):
            there.put(i)
        assert sum(back.get() for _ in range(10)) == 90
    print(n, flush=True)
for _ in threads:
    there.put(None)
P
counts python3 work.py
