#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# rsyslogd writes what it is told on its socket into a file: no line is missing.
. "$(dirname "$0")/lib.bash"
needs rsyslogd
cat >rsyslog.conf <<P
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="$tmp/socket" RateLimit.Interval="0")
template(name="plain" type="string" string="%msg%\n")
action(type="omfile" file="$tmp/written" template="plain")
P
cat >work.py <<'P'
import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
while not os.path.exists("socket"):
    time.sleep(0.05)
n = 0
while not os.path.exists("end"):
    n += 1
    s.sendto(b"<13>Jan  1 00:00:00 test: %d" % n, "socket")
    print(n, flush=True)
    time.sleep(0.005)
for _ in range(100):
    if os.path.exists("written") and open("written").read().split()[-1:] == [str(n)]:
        break
    time.sleep(0.1)
if open("written").read().split() != [str(i) for i in range(1, n + 1)]:
    print("wrong:", open("written").read().split()[-3:], n)
P
served "exec rsyslogd -n -f $tmp/rsyslog.conf -i $tmp/rsyslog.pid" 'python3 work.py'
