#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# dnsmasq answers questions over UDP and TCP.
. "$(dirname "$0")/lib.bash"
needs dnsmasq
cat >work.py <<'P'
import os, socket, struct, time
server = ("127.0.0.1", 7016)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
def question(number):
    return struct.pack(">6H", number & 0xffff, 0x100, 1, 0, 0, 0) + b"\4host\4test\0" + struct.pack(">2H", 1, 1)
def answer(n):
    for _ in range(40):  # a datagram may be lost, and its question is asked again
        s.sendto(question(n), server)
        try:
            said = s.recv(512)
            if said[:2] == struct.pack(">H", n & 0xffff):
                return said
        except OSError:
            time.sleep(0.05)
n = 0
while not os.path.exists("end"):
    n += 1
    said = answer(n)
    if not said or said[-4:] != bytes([10, 1, 2, 3]):
        print("wrong:", said, flush=True)
    print(n, flush=True)
    time.sleep(0.002)
P
served "exec dnsmasq -k -u root -p 7016 --listen-address=127.0.0.1 --bind-interfaces --no-resolv --no-hosts --conf-file=/dev/null --address=/host.test/10.1.2.3 -x $tmp/dnsmasq.pid" 'python3 work.py'
