#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Usage: http_load.py [ADDRESS:]PORT [ANSWER]

Loads a server of HTTP, of this machine if there is no address, with four connections that stay, until the file `end` is there. Each question has a
path of its own; the answer is that path, or ANSWER. Prints how many answers were right, a line for each ten; anything
else that it prints went wrong.
"""
import http.client
import os
import sys
import threading
import time

server = sys.argv[1] if ":" in sys.argv[1] else "127.0.0.1:" + sys.argv[1]
answer = sys.argv[2] if len(sys.argv) > 2 else None
lock = threading.Lock()
right = 0


def asked(connection, path):
    global right
    connection.request("GET", path)
    said = connection.getresponse()
    text = said.read().decode()
    if said.status != 200 or text != (answer or path):
        print(f"{path}: {said.status} {text!r}", flush=True)
    with lock:
        right += 1
        if right % 10 == 0:
            print(right // 10, flush=True)


def load(who):
    connection = http.client.HTTPConnection(server, timeout=20)
    for number in range(10**9):
        if os.path.exists("end"):
            return
        try:
            asked(connection, f"/{who}/{number}")
        except OSError as error:
            print(f"/{who}/{number}: {error}", flush=True)
            return


def listens():
    for _ in range(200):
        try:
            http.client.HTTPConnection(server, timeout=20).connect()
            return
        except OSError:
            time.sleep(0.05)


listens()
threads = [threading.Thread(target=load, args=(who,)) for who in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
