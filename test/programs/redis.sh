#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# redis under redis-benchmark, and a counter that goes on.
. "$(dirname "$0")/lib.bash"
needs redis-server redis-benchmark redis-cli
cat >work.py <<'P'
import os, socket, subprocess, time
def connected():
    while True:
        try:
            return socket.create_connection(("127.0.0.1", 7013))
        except OSError:
            time.sleep(0.05)
counter = connected()
load = subprocess.Popen(["redis-benchmark", "-p", "7013", "-n", "100000000", "-c", "10", "-t", "set,get"], stdout=open("load.out", "w"), stderr=subprocess.STDOUT)
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
load.wait()
if "rror" in open("load.out").read().replace("\r", "\n"):
    print("redis-benchmark says:", open("load.out").read()[-300:])
P
served 'exec redis-server --port 7013 --bind 127.0.0.1 --save "" --appendonly no --dir .' 'python3 work.py'
