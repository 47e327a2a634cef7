#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: redis_load.py ADDRESS PORT

Loads a server of redis with redis-benchmark and a counter, whose connections stay, until the file `end` is there. Prints
the number of each round of the counter; anything else that it prints went wrong.
"""
import os
import socket
import subprocess
import sys
import time

address, port = sys.argv[1:]


def connected():
    while True:
        try:
            return socket.create_connection((address, int(port)), 20)
        except OSError:
            time.sleep(0.05)


counter = connected()
benchmark = ["redis-benchmark", "-h", address, "-p", port, "-n", "100000000", "-c", "10", "-t", "set,get"]
load = subprocess.Popen(benchmark, stdout=open("load.out", "w"), stderr=subprocess.STDOUT)
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
