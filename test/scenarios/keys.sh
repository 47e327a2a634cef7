#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# The cluster's key is exchanged on three nodes under calls that go on, one node after the other and without a restart,
# and a process moves at each step. A damaged key file changes nothing; a key that is gone ends what was made with it.
. "$(dirname "$0")/lib.bash"
key=/run/dvs/lab/key
lab 3
server 1 10 64
first=$(dvs key show $key | cut -d ' ' -f 2)
logs=(/run/dvs/lab/node{0,1,2}.log)
count() { cat "${logs[@]}" | grep -c -- "$1"; }
counted() { (($(count "$1") >= $2)); }
reload() { # NODE: of one by the signal, of the others by the command
	local before
	if (($1 == 2)); then
		before=$(grep -c 'key file' /run/dvs/lab/node2.log)
		kill -HUP "$(daemon_pid 2)"
		until_true 5 eval "((\$(grep -c 'key file' /run/dvs/lab/node2.log) > $before))" || fail "node 2 does not hear SIGHUP"
	else
		timeout 10 dvs -n "$1" key reload >"$tmp/reload.$1" 2>&1
	fi
}

begin "three steps of dvs key rotate under calls lose nothing and restart nobody"
pids="$(daemon_pid 0) $(daemon_pid 1) $(daemon_pid 2)"
# A node that is called while the lab comes up may not have heard of its caller yet.
refused() { cat "${logs[@]}" | grep 'was refused' | grep -v 'another life'; }
before=$(refused | wc -l)
client 0 20 10 on 0.003
client 2 21 10 on 0.003
for step in next old ""; do
	links=$(count 'is up')
	timeout 10 dvs -n 0 key rotate $key >"$tmp/out" 2>&1 || fail "rotate: $(<"$tmp/out")"
	[[ $(sed -n '2s/ .*//p' "$tmp/out") == "$step" && $(wc -l <"$tmp/out") == $((${#step} ? 2 : 1)) ]] || fail "a step says: $(<"$tmp/out")"
	for node in 1 2; do reload $node || fail "node $node: $(<"$tmp/reload.$node")"; done
	# The three links, seen from both ends, are made anew with the new key within the time that SECURITY.md names.
	[[ $step != old ]] || until_true 5 counted 'is up' $((links + 6)) || fail "$(($(count 'is up') - links)) ends of links were made anew"
	move 10 $((($(owner 10) + 1) % 3))
	[[ $step != old ]] || down=$(count 'is down')
done
client_ok 20 21
[[ $(dvs key show $key | wc -l) == 1 && $(dvs key show $key) != *$first* ]] || fail "$(dvs key show $key)"
# A lane that was not used since may have had the old key; no link had it when it went.
(($(count 'is down') == down)) || fail "$(($(count 'is down') - down)) ends of links ended with the old key"
(($(refused | wc -l) == before)) || fail "$(refused | tail -n 2)"
[[ "$(daemon_pid 0) $(daemon_pid 1) $(daemon_pid 2)" == "$pids" ]] || fail "a daemon was restarted"
end

begin "a damaged key file keeps the keys, is named, and holds up a restart"
cp -p $key "$tmp/key"
sed -i 's/.$//' $key
for node in 0 1; do
	reload $node && fail "it is taken: $(<"$tmp/reload.$node")"
	grep -q "line 1 of the key file $key" "$tmp/reload.$node" || fail "$(<"$tmp/reload.$node")"
done
reload 2
(($(count 'the keys stay as they were') == 3)) || fail "the logs say $(count 'the keys stay as they were') times that keys stay"
timeout 20 dvs -n 1 restart >"$tmp/out" 2>&1 && fail "it restarts with a key file that it cannot read"
grep -q "key file" "$tmp/out" || fail "restart: $(<"$tmp/out")"
client 2 22 10 50 0
client_ok 22
move 10 0
end

begin "a key that is gone ends what was made with it, and calls wait for the nodes that have the new one"
client 1 23 10 500 0.003
rm $key
timeout 10 dvs key make $key >/dev/null || fail "make"
for node in 0 1 2; do reload $node || fail "node $node: $(<"$tmp/reload.$node")"; done
client_ok 23
move 10 2
# The last one to hear of it finds that the others have ended its links.
for node in 0 1; do
	grep 'key file was read' "/run/dvs/lab/node$node.log" | tail -n 1 | grep -q '; [1-9][0-9]* connections' || fail "node $node has ended no connection"
done
end
finish
