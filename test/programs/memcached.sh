#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# memcached counts and keeps values.
. "$(dirname "$0")/lib.bash"
needs memcached
cat >work.py <<'P'
import os, socket, time
def connected():
    while True:
        try:
            return socket.create_connection(("127.0.0.1", 7014))
        except OSError:
            time.sleep(0.05)
s = connected()
def says(text, answer):
    s.sendall(text + b"\r\n")
    said = b""
    while len(said) < len(answer):
        more = s.recv(65536)
        if not more:
            break
        said += more
    if said != answer:
        print("wrong:", text[:40], said[:80], flush=True)
says(b"set counter 0 0 1\r\n0", b"STORED\r\n")
n = 0
while not os.path.exists("end"):
    n += 1
    says(b"incr counter 1", b"%d\r\n" % n)
    value = b"v" * (n * 37 % 20000)
    says(b"set value 0 0 %d\r\n%s" % (len(value), value), b"STORED\r\n")
    says(b"get value", b"VALUE value 0 %d\r\n%s\r\nEND\r\n" % (len(value), value))
    print(n, flush=True)
    time.sleep(0.002)
P
served 'exec memcached -u root -p 7014 -U 0 -l 127.0.0.1' 'python3 work.py'
