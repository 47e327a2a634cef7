#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
#
# What `dvs nodes` says of the members: releases, protocols, clocks, and whether all is well. A node that speaks another
# protocol stays outside; one that begins anew is another life; one without descriptors or on a full disk goes on.
. "$(dirname "$0")/lib.bash"
# An installation of its own, whose daemon can be replaced.
mkdir -p "$tmp/bin" "$tmp/lib"
cp -L "$build"/bin/{dvs,dvsd,dvs-sequencer,dvs-shell,migr_server,migr_client} "$tmp/bin/"
[[ ! -e $build/bin/dvs-corosync ]] || cp -L "$build/bin/dvs-corosync" "$tmp/bin/"
cp -L "$build"/lib/libdvk.so* "$tmp/lib/"
export PATH="$tmp/bin:$PATH"
says() { # STATUS WORDS COMMAND...
	timeout 20 "${@:3}" >"$tmp/out" 2>"$tmp/err"
	local status=$?
	[[ $status == "$1" ]] || fail "${*:3}: status $status: $(<"$tmp/err")"
	grep -q -e "$2" "$tmp/err" || fail "${*:3}: $(<"$tmp/err")"
}
all() { # PYTHON: an expression over every row of every node
	timeout 10 python3 - "$nodes" "$1" <<-'P'
		import json, subprocess, sys
		for n in range(int(sys.argv[1])):
		    done = subprocess.run(["dvs", "-n", str(n), "nodes", "--json"], capture_output=True, check=False)
		    for r in json.loads(done.stdout):
		        if not eval(sys.argv[2]):
		            sys.exit(f"node {n} says of node {r['node']}: {r}")
	P
}
know_clocks() { all 'r["clock_ahead_ns"] is not None' >/dev/null 2>&1; }
well() { timeout 10 dvs -n "$1" nodes >"$tmp/out" 2>&1; }

lab 3
begin "every node knows the release, the protocol and the clock of every other"
until_true 5 know_clocks || fail "no clocks: $(timeout 10 dvs nodes)"
release=$(dvs --version | cut -d' ' -f2)
all "r['release'] == '$release' and r['protocol'] == r['protocol_most'] >= r['protocol_least'] > 0" 2>"$tmp/err" || fail "$(<"$tmp/err")"
# They have one clock: what is said of it has to hold.
all 'abs(r["clock_ahead_ns"]) <= r["clock_error_ns"] < 500e6' 2>"$tmp/err" || fail "$(<"$tmp/err")"
well 0 || fail "$(<"$tmp/out")"
grep -q ' RELEASE .*PROTOCOL' "$tmp/out" || fail "$(<"$tmp/out")"
end

begin "a node that speaks another protocol is not let in, and both sides say so"
timeout 20 dvs lab kill 2 >/dev/null || fail "lab kill"
await_death 0 2
says 1 'node 2 is not up.*EDVSNONODE' dvs -n 0 nodes
protocol=$(timeout 10 dvs -n 0 nodes --json | field protocol_most)
cp "$tmp/bin/dvsd" "$tmp/dvsd.good"
cp "$build/src/node/dvsd_of_another_protocol" "$tmp/bin/dvsd.new" && mv "$tmp/bin/dvsd.new" "$tmp/bin/dvsd"
timeout 30 dvs lab start 2 >"$tmp/out" 2>&1 && fail "it was let in"
grep -q "the group speaks protocol $protocol and this daemon (dvs 9.9.9) speaks 1000 to 1001: install one release" /run/dvs/lab/node2.log ||
	fail "node 2: $(tail -n 3 /run/dvs/lab/node2.log)"
# With Corosync it is the deputy of the machine that refuses, which is of this release.
grep -Eqh "node 2 \(dvs 9.9.9\) was refused: it speaks protocol 1000 to 1001 and the group speaks $protocol: install one|the daemon was refused: it is of another release" /run/dvs/lab/*.log ||
	fail "the other side: $(tail -n 3 /run/dvs/lab/switch.log)"
says 1 'node 2 is not up.*EDVSNONODE' dvs -n 0 nodes
cp "$tmp/dvsd.good" "$tmp/bin/dvsd.new" && mv "$tmp/bin/dvsd.new" "$tmp/bin/dvsd"
end

begin "a node that begins anew is another incarnation, and has nothing of its former life"
before=$(timeout 10 dvs -n 0 nodes --json | python3 -c 'import json,sys; print([r["incarnation"] for r in json.load(sys.stdin)])')
timeout 30 dvs lab start 2 >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
until_true 5 well 0 || fail "$(<"$tmp/out")"
server 2 10 64
client 0 110 10 1000000 0.001
until_true 15 has_called 110 10 || fail "the client does not call"
timeout 20 dvs lab kill 2 >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
until_true 5 ended "${client_pid[110]}" || kill "${client_pid[110]}"
grep -q 'error' "$tmp/client.110" || fail "the client was told nothing: $(tail -n 1 "$tmp/client.110")"
check_processes migr_server
timeout 30 dvs lab start 2 >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
until_true 5 well 2 || fail "$(<"$tmp/out")"
all "r['incarnation'] == $before[r['node']] + 2 * (r['node'] == 2)" 2>"$tmp/err" || fail "$before: $(<"$tmp/err")"
check_tables
server 2 10 64
client 0 111 10 50 0
client_ok 111
end

begin "without a free descriptor a daemon refuses by name, and goes on"
pid=$(daemon_pid 1)
limits=$(prlimit --pid "$pid" --nofile --noheadings -o SOFT,HARD --raw | tr ' ' ':')
server 1 12 64
client 0 112 12 400 0.005 0 # a copy needs a descriptor for a moment
until_true 15 has_called 112 10 || fail "the client does not call"
highest=$(ls "/proc/$pid/fd" | sort -n | tail -n 1)
prlimit --pid "$pid" --nofile="$((highest + 2)):${limits#*:}" || fail "prlimit"
refusals=0
for ep in 20 21 22 23; do
	timeout 10 dvs -n 1 run 0 $ep -- migr_server 0 $ep 64 >"$tmp/out" 2>&1 && continue
	refusals=$((refusals + 1))
	grep -q 'EDVSMFILE' "$tmp/out" || fail "run: $(<"$tmp/out")"
done
((refusals)) || fail "nothing was refused"
timeout 10 dvs -n 0 migrate 0 10 1 >"$tmp/out" 2>&1 && fail "a move was taken"
grep -q 'EDVSMFILE' "$tmp/out" || fail "migrate: $(<"$tmp/out")"
client_ok 112
prlimit --pid "$pid" --nofile="$limits"
well 1 || fail "$(<"$tmp/out")"
server 1 24 64
move 10 1
client 0 113 24 50 0
client 0 114 10 50 0
client_ok 113 114
end

begin "what orders the commands sleeps while it has no descriptor for a connection, and takes it when it has"
order=$(orderers | head -n 1)
limits=$(prlimit --pid "$order" --nofile --noheadings -o SOFT,HARD --raw | tr ' ' ':')
free=0
while [[ -e /proc/$order/fd/$free ]]; do free=$((free + 1)); done
prlimit --pid "$order" --nofile="$free:${limits#*:}" || fail "prlimit"
ticks() { awk '{ print $14 + $15 }' "/proc/$order/stat"; }
before=$(ticks)
python3 - "$(tr '\0' '\n' <"/proc/$order/cmdline" | grep -A 1 -x -e --socket | tail -n 1)" <<-'P' &
	import socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
	s.connect(sys.argv[1])
	s.settimeout(20)
	s.recv(1)  # it is let in, says nothing, and is put out for that
P
asker=$!
sleep 2
spent=$(($(ticks) - before))
((spent < 40)) || fail "it used $spent of 200 ticks of a CPU"
kill -0 $asker 2>/dev/null || fail "the connection does not wait"
server 1 25 64
prlimit --pid "$order" --nofile="$limits"
wait $asker || fail "the connection was not taken"
server 1 26 64
well 1 || fail "$(<"$tmp/out")"
end
finish
