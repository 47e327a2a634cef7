#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
#
# What a local user without rights may not do to others: hold connections that all need, get what a process of root
# gets because it has its number now, read logs of a container that is gone, put requests into the cluster's order.
# And a container that is removed while programs are started in it ends no daemon.
. "$(dirname "$0")/lib.bash"
somebody=4711
chmod 755 "$tmp"
# Where a user can read them, wherever the tree is.
cp "$build/bin/dvs" "$build/bin/migr_server" "$build/test/conformance/unbidden" "$build"/lib/libdvk.so* "$(dirname "$0")/../../src/wire/ctl.h" "$tmp"

as_somebody() { # NODE COMMAND...
	timeout 40 dvs lab exec "$1" -- setpriv --reuid $somebody --regid $somebody --clear-groups \
		env -u DVS_NODE LD_LIBRARY_PATH="$tmp" "${@:2}"
}
daemons_live() { for pid in $daemons; do kill -0 "$pid" 2>/dev/null || return 1; done; }

# Connects, says so, and asks when it is told to: for the pages of the process that made the connection.
cat >"$tmp/held.py" <<'P'
import array, os, re, socket, struct, sys
header = open(sys.argv[1]).read()
name = re.search(r'CTL_ABSTRACT_NAME\s+"(.*)"', header)[1]
magic = int(re.search(r'CTL_MAGIC\s+0x(\w+?)u?\s', header)[1], 16)
version = int(re.search(r'CTL_VERSION\s+(\d+)', header)[1])
count, size = int(sys.argv[2]), int(sys.argv[3])
held = []
for _ in range(count):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 1, 0))
    ends = os.pipe()
    pid = os.fork() if size else os.getpid()
    if pid == 0:
        s.connect("\0" + name)
        os.write(ends[1], b"x")
        os._exit(0)
    if size:
        # The child's connection, and the child is no more.
        os.read(ends[0], 1)
        os.waitpid(pid, 0)
    else:
        try:
            s.connect("\0" + name)
        except OSError:
            break
    held.append((pid, s))
print("held", len(held), held[0][0], held[-1][0], flush=True)
sys.stdin.readline()
for pid, s in held if size else []:
    s.settimeout(5)
    try:
        s.send(struct.pack("<IHH", magic, version, 1) + bytes(size - 8))
        data, control, *_ = s.recvmsg(4096, 1024)
        if control:
            print("given", pid)
    except OSError:
        pass
print("asked", flush=True)
P
holds() { [[ $(cat "$tmp/held" 2>/dev/null) == *held* ]]; }
is_of_somebody() { [[ $(awk '/^Uid/ { print $3 }' "/proc/$(lpid_of 11)/status" 2>/dev/null) == "$somebody" ]]; }
asked() { [[ $(<"$tmp/held") == *asked* ]]; }

# 300 descriptors, so that a user has at most 37 of them.
begin "connections that say nothing lock nobody else out"
timeout 30 dvs lab down >/dev/null
(ulimit -n 300 && timeout 30 dvs lab up --nodes 2 >/dev/null 2>"$tmp/err") || fail "a lab with few descriptors: $(<"$tmp/err")"
server 0 10 64
mkfifo "$tmp/in"
exec 7<>"$tmp/in"
as_somebody 0 python3 "$tmp/held.py" "$tmp/ctl.h" 320 0 <"$tmp/in" >"$tmp/held" 2>&1 &
holder=$!
until_true 20 holds || fail "nothing is held: $(<"$tmp/held")"
(($(daemon_fds 0) < 200)) || fail "the daemon has $(daemon_fds 0) descriptors in use"
timeout 6 dvs -n 0 ps >/dev/null 2>"$tmp/err" || fail "dvs ps: $(<"$tmp/err")"
server 0 12 64
client 0 13 10 5 0.01
client_ok 13
move 10 1
# The user has its part all the same.
as_somebody 0 "$tmp/dvs" nodes >/dev/null 2>"$tmp/err" || fail "the user itself: $(<"$tmp/err")"
echo >&7
wait $holder
end

for kernel in "" peer-pidfd; do
	begin "a number that is used again gets nothing of its new process${kernel:+, on a kernel before 6.5}"
	export DVS_FAULT=$kernel
	lab 1
	unset DVS_FAULT
	rm -f "$tmp/held"
	as_somebody 0 python3 "$tmp/held.py" "$tmp/ctl.h" 60 "$(LD_LIBRARY_PATH=$tmp "$tmp/unbidden" size)" <"$tmp/in" >"$tmp/held" 2>&1 &
	holder=$!
	until_true 10 holds || fail "nothing is held: $(<"$tmp/held")"
	read -r _ _ first last <"$tmp/held"
	echo $((first + 3)) >/proc/sys/kernel/ns_last_pid || fail "the next number cannot be said"
	# Of the same user: only when it began tells it from the one that had the number before.
	timeout 10 dvs -n 0 run 0 11 -- setpriv --reuid $somebody --regid $somebody --clear-groups \
		env LD_LIBRARY_PATH="$tmp" "$tmp/migr_server" 0 11 64 >/dev/null 2>"$tmp/err" || fail "server: $(<"$tmp/err")"
	until_true 5 is_of_somebody || fail "the server is not of uid $somebody"
	got=$(lpid_of 11)
	((got >= first && got <= last)) || fail "$got is none of $first to $last"
	echo >&7
	until_true 20 asked || fail "no answers"
	wait $holder
	grep -q given "$tmp/held" && fail "descriptors for uid $somebody: $(<"$tmp/held")"
	# The rest goes on as ever.
	client 0 13 11 5 0.01 0
	client_ok 13
	end
done

lab 3
daemons=$(for n in 0 1 2; do daemon_pid $n; done)
server 0 10 64

begin "logs of a container are its owner's, also when it is gone and in its next life"
timeout 10 dvs dc create 1 >/dev/null
timeout 10 dvs -n 0 run 1 10 --wait -- sh -c 'echo first secret' >/dev/null 2>&1
timeout 10 dvs -n 1 run 1 11 -- sh -c 'echo second secret; exec sleep 100' >/dev/null
timeout 10 dvs -n 1 logs 1 11 | grep -q 'second secret' || until_true 3 eval 'dvs logs 1 11 | grep -q secret' || fail "root reads no log"
nobody_reads() { # WHEN
	local n ep
	for n in 0 1; do for ep in 10 11; do
		as_somebody $n "$tmp/dvs" logs 1 $ep 2>&1 | grep secret && fail "$1: endpoint $ep, on node $n"
	done; done
}
nobody_reads "while it runs"
timeout 10 dvs dc rm 1 --force >/dev/null || fail "dvs dc rm"
nobody_reads "when it is gone"
timeout 10 dvs dc create 1 >/dev/null
nobody_reads "in its next life"
timeout 10 dvs logs 1 11 2>/dev/null | grep -q secret && fail "the next life has logs of the one before"
timeout 10 dvs dc rm 1 >/dev/null
end

begin "what a user asks of a container that does not run is not put into the order"
woken() { cat /proc/"$(daemon_pid 2)"/task/*/status | awk '/ctxt_switches/ { n += $2 } END { print n }'; }
before=$(woken)
sleep 2
idle=$(($(woken) - before)) before=$(woken) start=$(date +%s%N)
refused=$(as_somebody 0 "$tmp/unbidden" bind 7 1000) || fail "the user cannot ask: $refused"
took_ms=$((($(date +%s%N) - start) / 1000000))
more=$(($(woken) - before - idle * took_ms / 2000))
((refused == 1000 && more < refused / 10)) || fail "$refused refused requests on node 0 woke the daemon of node 2 $more times"
end

begin "a process that ends, and a container that is removed, while they are started end no daemon"
for i in 1 2; do
	silence_group
	timeout 10 dvs -n 0 run 0 2$i -- sleep 5 >/dev/null 2>&1 &
	run=$!
	sleep 0.4
	pid=$(pgrep -nf '^sleep 5$')
	[[ -z $pid ]] || kill -KILL "$pid"
	end_silence
	wait $run
	daemons_live || fail "killed while its start waited for the order"
done
for i in {1..12}; do
	timeout 10 dvs -n 1 dc create 1 >/dev/null 2>&1
	for ep in 5 6; do
		timeout 10 dvs -n 0 run 1 $ep -- sleep 5 >/dev/null 2>&1 &
	done
	sleep 0.00$((i % 9))
	timeout 10 dvs -n 1 dc rm 1 --force >/dev/null 2>&1
	wait %% 2>/dev/null
	daemons_live || fail "in round $i of removing a container while programs are started in it"
done
wait
[[ -n $(lpid_of 10) ]] || fail "what ran in another container has ended"
client 0 13 10 5 0.01
client_ok 13
end
finish
