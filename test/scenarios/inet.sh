#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
#
# Programs with sockets of TCP move, by daemons that have no right but theirs: a server that listens, and one that talks
# to itself. A port that is in use on the target is named before anything is touched.
. "$(dirname "$0")/lib.bash"
lab 2

python() { # EP TEXT
	timeout 20 dvs -n 0 run 0 "$1" -- /usr/bin/python3 -c "$2" >/dev/null || fail "run $1"
}
said() { timeout 5 dvs logs 0 "$1" | tail -1; }
has_said() { [[ -n $(said "$1") ]]; }
has_gone_on() { [[ $(said "$1") -gt $2 ]]; }
asks() { # NODE PORT
	timeout 10 dvs lab exec "$1" -- /usr/bin/python3 -c "
import socket
s = socket.create_connection(('127.0.0.1', $2), 5)
s.sendall(b'question')
print(s.recv(100).decode())"
}

begin "a server that listens goes on listening on each node that it comes to"
python 20 "
import socket
l = socket.create_server(('127.0.0.1', 8000))
print('listens', flush=True)
while True:
    s, _ = l.accept()
    s.sendall(b'answer to ' + s.recv(100))
    s.close()"
until_true 10 has_said 20 || fail "it does not begin"
for node in 1 0 1; do
	move 20 $node
	[[ $(asks $node 8000) == "answer to question" ]] || fail "no answer on node $node"
done
end

begin "a process that talks to itself over TCP goes on"
python 21 "
import socket, time
l = socket.create_server(('127.0.0.1', 8001))
c = socket.create_connection(('127.0.0.1', 8001))
s, _ = l.accept()
n = 0
while True:
    c.sendall(b'q%d' % n)
    assert s.recv(100) == b'q%d' % n
    s.sendall(b'a')
    assert c.recv(10) == b'a'
    n += 1
    if n % 100 == 0: print(n, flush=True)
    time.sleep(0.001)"
until_true 10 has_said 21 || fail "it does not begin"
for node in 1 0 1; do
	move 21 $node
	before=$(said 21)
	until_true 10 has_gone_on 21 "$before" || fail "it stands on node $node"
done
end

begin "a port that is in use on the target, and an address that it has not, are named"
: >"$tmp/other"
timeout 30 dvs lab exec 0 -- /usr/bin/python3 -c "
import socket, time
l = socket.create_server(('0.0.0.0', 8000))
print('listens', flush=True)
time.sleep(30)" >"$tmp/other" &
other=$!
until_true 10 grep -q listens "$tmp/other" || fail "the other one does not begin"
for how in --dry-run ""; do
	timeout 10 dvs migrate 0 20 0 $how >"$tmp/out" 2>&1 && fail "it moved"
	grep -q "port 8000 of 127.0.0.1, which is in use on the target" "$tmp/out" || fail "$(<"$tmp/out")"
done
kill $other
wait $other
[[ $(asks 1 8000) == "answer to question" ]] || fail "no answer after a refusal"
address=$(timeout 10 dvs lab exec 0 -- ip -4 -o addr show scope global | awk '{ sub("/.*", "", $4); print $4; exit }')
python 22 "
import socket, time
l = socket.create_server(('$address', 8002))
print('listens', flush=True)
while True: time.sleep(1)"
until_true 10 has_said 22 || fail "it does not begin"
timeout 10 dvs migrate 0 22 1 >"$tmp/out" 2>&1 && fail "it moved"
grep -q "a TCP socket at the address $address, which the target does not have" "$tmp/out" || fail "$(<"$tmp/out")"
end
finish
