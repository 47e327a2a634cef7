#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
#
# Programs that have Unix sockets with names, FIFOs and locks of files move while they use them, there and back; nothing
# is left where they have been. Each node has a network namespace, and so abstract names, of its own.
. "$(dirname "$0")/lib.bash"
lab 2

says() { timeout 5 dvs logs 0 "$1" | grep -q "$2"; }
rounds() { timeout 5 dvs logs 0 "$1" | grep -c round; }
goes_on() { (($(rounds "$1") > $2)); }

moves() { # NAME EP PYTHON: what it builds, and round()
	begin "$1"
	timeout 20 dvs -n 0 run 0 "$2" -- /usr/bin/python3 -c "
import os, socket, sys, tempfile, time
folder = '$tmp/$2'
os.mkdir(folder)
$3
print('ready', flush=True)
while not os.path.exists(folder + '/end'):
	one_round()
	print('round', flush=True)
	time.sleep(0.01)
" >/dev/null || fail "run"
	until_true 10 says "$2" ready || fail "$(timeout 5 dvs logs 0 "$2" | head -n 3)"
	for node in 1 0 1; do
		timeout 20 dvs migrate 0 "$2" "$node" >"$tmp/out" 2>&1 || fail "to node $node: $(<"$tmp/out")"
		before=$(rounds "$2")
		until_true 5 goes_on "$2" "$before" || fail "on node $node: $(timeout 5 dvs logs 0 "$2" | grep -v round | tail -n 3)"
	done
	until_true 5 no_stage_is_left "$tmp/$2" || fail "left: $(stages_in "$tmp/$2")"
	touch "$tmp/$2/end"
	until_true 5 has_ended "$2" || fail "it does not end"
	end
}
# Those of other labs, which may have the same /tmp, go by themselves.
stages_in() { find "$1" /tmp -maxdepth 1 -name '.dvs-*'; }
no_stage_is_left() { [[ -z $(stages_in "$1") ]]; }
has_ended() { [[ -z $(owner "$1") ]]; }

moves "a server by path, which its clients come to, with a connection that stays" 20 "
name = folder + '/server'
server = socket.socket(socket.AF_UNIX)
server.bind(name)
server.listen(5)
kept = socket.socket(socket.AF_UNIX)
kept.connect(name)
end = server.accept()[0]
def one_round():
	client = socket.socket(socket.AF_UNIX)
	client.connect(name)
	other = server.accept()[0]
	for a, b in (client, other), (kept, end):
		a.sendall(b'there')
		assert b.recv(100) == b'there'
		assert b.getsockname() == name and a.getpeername() == name
"
moves "a server by an abstract name" 21 "
name = b'\\0dvs-scenario'
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.bind(name)
server.listen(5)
def one_round():
	client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
	client.connect(name)
	other = server.accept()[0]
	client.send(b'there')
	assert other.recv(100) == b'there' and other.getsockname() == name
"
moves "datagrams by path, and pairs of them" 22 "
os.chdir(folder)
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind('datagrams')
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
one.send(b'first')
def one_round():
	one.send(b'first')
	assert other.recv(100) == b'first'
	client.sendto(b'to a name', 'datagrams')
	assert server.recv(100) == b'to a name'
"
moves "a FIFO with something in it" 23 "
os.mkfifo(folder + '/fifo')
both = os.open(folder + '/fifo', os.O_RDWR)
os.write(both, b'first')
def one_round():
	os.write(both, b'first')
	assert os.read(both, 5) == b'first'
"
moves "locks of files, which its children never get" 24 "
import fcntl
own = open(folder + '/own', 'w')
whole = open(folder + '/whole', 'w')
fcntl.lockf(own, fcntl.LOCK_EX)
fcntl.flock(whole, fcntl.LOCK_EX)
def gets(lock, name):
	try:
		lock(open(folder + '/' + name, 'w'), fcntl.LOCK_EX | fcntl.LOCK_NB)
		return True
	except BlockingIOError:
		return False
def one_round():
	child = os.fork()
	if child == 0:
		os._exit(gets(fcntl.lockf, 'own') or gets(fcntl.flock, 'whole'))
	assert os.waitpid(child, 0)[1] == 0
"
finish
