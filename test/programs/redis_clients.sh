#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# redis whose clients are on a node that it does not come to, and keep their connections.
. "$(dirname "$0")/lib.bash"
needs redis-server redis-benchmark
address=10.77.0.150
start redis-server --port 7018 --bind $address --protected-mode no --save '' --appendonly no --dir .
cat >client.py <<P
import os, socket, subprocess, time
def connected():
    while True:
        try:
            return socket.create_connection(("$address", 7018), 20)
        except OSError:
            time.sleep(0.05)
counter = connected()
load = subprocess.Popen(["redis-benchmark", "-h", "$address", "-p", "7018", "-n", "100000000", "-c", "10", "-t", "set,get"], stdout=open("load.out", "w"), stderr=subprocess.STDOUT)
n = 0
while not os.path.exists("end"):
    n += 1
    counter.sendall(b"INCR counter\r\n")
    if (said := counter.recv(100)) != b":%d\r\n" % n:
        print("wrong:", said)
    print(n, flush=True)
    time.sleep(0.005)
if load.poll() is not None:
    print("redis-benchmark has ended:", load.poll())
load.kill()
P
timeout 100 dvs lab exec 2 -- python3 client.py >rounds 2>&1 &
moves
touch end
wait
stops
seq "$(wc -l <rounds)" | cmp -s - rounds || fail "wrong: $(grep -vxE '[0-9]+' rounds | tail -n 5)"
grep -qs rror load.out && fail "redis-benchmark says: $(tail -c 300 load.out)"
over
