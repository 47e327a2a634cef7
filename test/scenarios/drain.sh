#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# engines: local corosync
#
# A node is emptied while a client on another one calls one of its servers; what cannot leave is named.
. "$(dirname "$0")/lib.bash"

begin "a node is emptied, asked on any node"
lab 3
server 1 10 64
server 1 11 64
server 1 12 2560
client 0 110 12 on 0.002
calling 110
timeout 30 dvs -n 0 drain 1 >"$tmp/out" 2>"$tmp/err" || fail "drain: $(<"$tmp/err")"
for ep in 10 11 12; do
	at=$(owner $ep)
	[[ $at == 0 || $at == 2 ]] || fail "endpoint $ep is on node ${at:-none}"
done
client_ok 110
end

begin "what cannot leave stays and is named"
timeout 10 dvs lab exec 1 -- sleep 30 &
other=$!
client 1 111 10 on 0.01
calling 111
timeout 30 dvs drain 1 >"$tmp/out" 2>"$tmp/err" && fail "drain said that all left"
grep -q "EDVSPROCSTS" "$tmp/err" || fail "no named error: $(<"$tmp/err")"
client_ok 111
kill $other 2>/dev/null
end

# The reasons are sentences, for people and for programs.
holds() { # EP PATTERN: its process has such a file open
	local pid fd
	pid=$(lpid_of "$1")
	for fd in "/proc/$pid/fd/"*; do
		[[ $(readlink "$fd") != $2 ]] || return 0
	done
	return 1
}
runs() { [[ $(cat "/proc/$(lpid_of "$1")/comm") == "$2" ]]; } # EP COMM
begin "each process that stays has a sentence, in the text and in JSON, and a dry run says the same"
timeout 10 dvs -n 1 run 0 20 -- sh -c 'exec sleep 1000 3<>/proc/sys/kernel/hostname' >/dev/null || fail "run 20"
timeout 10 dvs -n 1 run 0 21 -- python3 -c 'import socket, time; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"unread", ("127.0.0.1", 9)); time.sleep(1000)' >/dev/null || fail "run 21"
timeout 10 dvs -n 1 run 0 22 -- sleep 1000 >/dev/null || fail "run 22"
until_true 10 holds 20 /proc/sys/kernel/hostname && until_true 10 holds 21 "socket:*" && until_true 10 runs 22 sleep || fail "they do not begin"
for how in --dry-run ""; do
	timeout 30 dvs drain 1 $how >"$tmp/out" 2>"$tmp/err" && fail "drain $how said that all left"
	grep -q "^endpoint 20 .* stays on node 1: .*/proc/sys/kernel/hostname" "$tmp/out" || fail "$how: no reason for 20: $(grep -w 20 "$tmp/out")"
	grep -q "^endpoint 21 .* stays on node 1: .*socket" "$tmp/out" || fail "$how: no reason for 21: $(grep -w 21 "$tmp/out")"
	at=$(owner 22)
	[[ ($how == "" && $at != 1) || ($how && $at == 1) ]] || fail "after drain $how endpoint 22 is on node $at"
	[[ -z $how ]] || grep -q " 22 .*possible" "$tmp/out" || fail "the dry run does not say that 22 could move: $(<"$tmp/out")"
done
timeout 30 dvs drain 1 --json >"$tmp/json" 2>/dev/null && fail "drain --json said that all left"
python3 - "$tmp/json" <<-'P' || fail "JSON: $(<"$tmp/json")"
	import json, sys
	rows = {r["endpoint"]: r for r in json.load(open(sys.argv[1]))}
	sys.exit(not ("/proc/sys/kernel/hostname" in rows[20]["reason"] and "socket" in rows[21]["reason"]))
P
for ep in 20 21 22; do timeout 10 kill -KILL "$(lpid_of $ep)"; done
end

begin "a target that does not answer is passed over for another one"
until_true 5 eval '[[ $(rows_of 20)$(rows_of 21)$(rows_of 22) == "[][][]" ]]' || fail "20 to 22 are still there"
for ep in 30 31 32; do timeout 10 dvs -n 1 run 0 $ep -- sleep 1000 >/dev/null || fail "run $ep"; done
for ep in 30 31 32; do until_true 10 runs $ep sleep || fail "$ep does not begin"; done
stopped=$(daemon_pid 2)
kill -STOP "$stopped"
timeout 40 dvs drain 1 >"$tmp/out" 2>"$tmp/err" || fail "drain: $(<"$tmp/err")"
for ep in 30 31 32; do [[ $(dvs -n 0 ps 0 | awk -v e=$ep '$2 == e { print $3 }') == 0 ]] || fail "endpoint $ep is not on node 0"; done
kill -CONT "$stopped"
end

begin "a node that is dead is not asked, and one that is left takes all"
timeout 10 dvs lab kill 2 >/dev/null
timeout 30 dvs drain 0 >"$tmp/out" 2>"$tmp/err" || fail "drain 0: $(<"$tmp/err")"
for ep in 30 31 32; do [[ $(owner $ep) == 1 ]] || fail "endpoint $ep is on node $(owner $ep)"; done
end

begin "draining a node that is not there"
timeout 10 dvs drain 9 2>"$tmp/err" && fail "drained node 9"
grep -q "EDVSBADNODEID" "$tmp/err" || fail "no named error: $(<"$tmp/err")"
end

begin "a node is emptied although commands are started on it all the time, and takes none meanwhile"
starts() { # EP...: one after the other, until told to end
	local ep
	while [[ ! -e $tmp/enough ]]; do
		for ep; do
			timeout 10 dvs -n 0 run 0 "$ep" -- sleep 1000 >/dev/null 2>"$tmp/starts.$1" && continue
			grep -q "EDVSSLOTUSED\|being emptied.*EDVSRSCBUSY" "$tmp/starts.$1" || cp "$tmp/starts.$1" "$tmp/wrong"
			grep -qs "EDVSRSCBUSY" "$tmp/starts.$1" && touch "$tmp/refused"
		done
	done
}
for i in {40..49}; do timeout 10 dvs -n 0 run 0 $i -- sleep 1000 >/dev/null || fail "run $i"; done
for i in 5 6; do starts ${i}0 ${i}1 ${i}2 ${i}3 ${i}4 & done
sleep 0.3
timeout 30 dvs drain 0 >"$tmp/out" 2>"$tmp/err" || fail "drain: $(<"$tmp/err") $(grep stays "$tmp/out")"
touch "$tmp/enough"
wait %% 2>/dev/null
wait $(jobs -p) 2>/dev/null
[[ ! -e $tmp/wrong ]] || fail "a start was refused otherwise: $(<"$tmp/wrong")"
[[ -e $tmp/refused ]] || fail "no start was refused"
for i in {40..49}; do [[ $(owner $i) != 0 ]] || fail "endpoint $i is on node 0"; done
timeout 10 dvs -n 0 run 0 60 -- sleep 1000 >/dev/null 2>"$tmp/err" || grep -q EDVSSLOTUSED "$tmp/err" || fail "after the drain: $(<"$tmp/err")"
dvs ps 0 --json | python3 -c 'import json,sys
for r in json.load(sys.stdin):
    if 40 <= r["p_nr"] < 70: print(r["p_nr"], r["node"], r["lpid"])' >"$tmp/rows"
while read -r _ _ lpid; do kill -KILL "$lpid"; done <"$tmp/rows"
end
finish
