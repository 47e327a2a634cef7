#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# How the daemon and its tools behave where things are not as usual: signals that are not meant to end them, a
# full device behind standard output, output that is no text, tables with hundreds of rows.
. "$(dirname "$0")/lib.bash"

runs() { [[ $(timeout 10 dvs ps 0 --json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))') == "$1" ]]; }

begin "signals other than TERM and KILL end neither daemon nor sequencer nor what runs"
lab 2
timeout 10 dvs run 0 10 -- sleep 1000 >/dev/null
daemon=$(daemon_pid 0)
orderers=$(orderers)
for signal in HUP INT QUIT PIPE ALRM USR1 USR2 TSTP RTMIN RTMAX; do
	kill -"$signal" "$(keeper_pid 0)" "$daemon" $orderers
done
sleep 0.3
kill -0 "$daemon" 2>/dev/null || fail "the daemon has ended"
runs 1 || fail "the program has ended"
timeout 10 dvs run 0 11 -- sleep 1000 >/dev/null || fail "no order any more"
# What the daemon starts has the defaults, whatever the daemon ignores.
timeout 10 dvs run 0 12 --wait -- sh -c 'grep SigIgn /proc/self/status' >"$tmp/ignored"
[[ $(<"$tmp/ignored") == *0000000000000000 ]] || fail "a program starts with signals ignored: $(<"$tmp/ignored")"
end

begin "output that cannot be written is a failure, in every verb and program"
for command in "dvs nodes" "dvs nodes --json" "dvs dc" "dvs dc --json" "dvs ps" "dvs ps --json" "dvs ps --stats" \
	"dvs lab status" "dvs logs 0 12" "dvs migrate 0 10 1 --dry-run" "dvs --help" "dvs --version" "dvs ps --help" \
	"dvsd --version" "dvsd --costs" "dvs-sequencer --help" "dvs-sim --seeds 1"; do
	timeout 20 $command >/dev/full 2>"$tmp/err" && fail "$command >/dev/full ends with 0"
	# A sentence where a program of ours prints by itself.
	[[ $command != dvs\ * ]] || grep -q 'standard output' "$tmp/err" || fail "$command: $(<"$tmp/err")"
done
end

begin "a log keeps every byte, as text and in a document"
timeout 10 dvs run 0 13 -- sh -c "printf 'x\\000\\377y\\n'; exec sleep 1000" >/dev/null
timeout 10 dvs run 0 14 -- sh -c "printf 'x\\000\\303\\244\\n'; exec sleep 1000" >/dev/null
has_logged() { (($(timeout 10 dvs logs 0 "$1" --json | python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["dropped"] + len(d.get("log_bytes", d["log"])))') >= $2)); } # EP CHARACTERS
until_true 5 has_logged 13 4 && until_true 5 has_logged 14 4 || fail "nothing comes"
timeout 10 dvs logs 0 13 | od -An -tx1 | grep -q '78 00 ff 79 0a' || fail "as text"
timeout 10 dvs logs 0 13 --json | python3 -c 'import json, sys; sys.exit(bytes(json.load(sys.stdin)["log_bytes"]) != b"x\0\xffy\n")' || fail "bytes that are no text"
timeout 10 dvs logs 0 14 --json | python3 -c 'import json, sys; d = json.load(sys.stdin); sys.exit(d["log"] != "x\0\u00e4\n" or "log_bytes" in d)' || fail "text with a zero byte"
end

begin "a log that was cut says so where its head was"
timeout 10 dvs run 0 15 -- sh -c 'head -c 1100000 /dev/zero | tr "\\0" x; exec sleep 1000' >/dev/null
until_true 10 has_logged 15 1100000 || fail "nothing comes"
timeout 10 dvs logs 0 15 | head -n 1 | grep -q '^\[dvs: 51424 earlier bytes' || fail "$(timeout 10 dvs logs 0 15 | head -n 1 | cut -c1-80)"
timeout 10 dvs logs 0 15 --json | python3 -c 'import json, sys; d = json.load(sys.stdin); sys.exit((d["dropped"], len(d["log"])) != (51424, 1048576))' || fail "as a document"
end

begin "how much of a log is kept is said to dvs run, and moves along"
timeout 10 dvs run 0 16 --log-bytes 5000 -- sh -c 'head -c 12000 /dev/zero | tr "\\0" y; exec sleep 1000' >/dev/null
kept() { timeout 10 dvs logs 0 16 --json | python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["dropped"], len(d["log"]))'; }
is_kept() { [[ $(kept) == "$*" ]]; }
until_true 5 is_kept 7000 5000 || fail "$(kept)"
timeout 20 dvs migrate 0 16 1 >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
is_kept 7000 5000 || fail "after a move: $(kept)"
timeout 20 dvs -n 1 restart >/dev/null || fail "restart"
is_kept 7000 5000 || fail "after a restart: $(kept)"
pid=$(lpid_of 16)
kill -KILL "$pid"
gone() { [[ $(rows_of 16) == "[]" ]]; }
until_true 5 gone || fail "it has not ended"
is_kept 7000 5000 || fail "after its end: $(kept)"
timeout 20 dvs -n 1 restart >/dev/null || fail "restart"
is_kept 7000 5000 || fail "after its end and a restart: $(kept)"
end

begin "a name that is no text is whole in a document, and harmless in a table"
cp "$(type -P sleep)" "$tmp/"$'n\n\xff\e[2Jz'
timeout 10 dvs run 0 17 -- "$tmp/"$'n\n\xff\e[2Jz' 1000 >/dev/null || fail "not started"
timeout 10 dvs ps 0 --json | python3 -c 'import json, sys
row = [r for r in json.load(sys.stdin) if r["p_nr"] == 17][0]
sys.exit(bytes(row["name_bytes"]) != b"n\n\xff\x1b[2Jz" or row["name"] != "n\n?\x1b[2Jz")' || fail "as a document"
for form in "" --proc --stats; do
	timeout 10 dvs ps 0 $form >"$tmp/out"
	grep -qa $'n?\xff?\\[2Jz' "$tmp/out" || fail "ps $form: $(cat -v "$tmp/out")"
done
timeout 20 dvs migrate 0 17 1 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
[[ $(wc -l <"$tmp/out") == 1 ]] || fail "migrate: $(cat -v "$tmp/out")"
end

begin "the nodes of a lab keep as much of a log as lab up says, also one that is started again"
timeout 30 dvs lab down >/dev/null
timeout 30 dvs lab up --nodes 2 --log-bytes 4096 >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
timeout 10 dvs lab kill 1 >/dev/null && timeout 30 dvs lab start 1 >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
for node in 0 1; do
	timeout 10 dvs -n $node run 0 16 -- sh -c 'head -c 12000 /dev/zero | tr "\\0" y; exec sleep 1000' >/dev/null || fail "run"
	until_true 5 is_kept 7904 4096 || fail "node $node: $(kept)"
	timeout 10 dvs stop 0 16 >/dev/null
done
end

begin "a table of 300 rows is whole, from each node and in each form"
lab 2
standing=$build/test/bench/standing
for node in 0 1; do
	timeout 60 dvs lab exec $node -- "$standing" endpoints 0 $((node ? 220 : 100)) >"$tmp/standing.$node" &
	crowd=$!
	until_true 20 test -s "$tmp/standing.$node" || fail "no processes"
	want=$((node ? 220 : 100))
	for form in "" --stats --proc; do
		rows=$(timeout 10 dvs -n $node ps 0 $form | grep -c standing)
		((rows == want)) || fail "dvs -n $node ps $form shows $rows of $want"
	done
	runs $want || fail "the document is not whole"
	kill $crowd
	until_true 10 runs 0 || fail "some stay"
done
end
finish
