#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
#
# A process writes into every page that it was given (test/conformance/hostile.c), while others call each
# other, are looked at and are moved. It spoils its own conversations and nothing else.
#
#	node 0                                      node 1
#	hostile 60 --> server 10, and over there --> server 14
#	client 11 ---> server 10    the hostile one's peers, and how others fare with them
#	client 15 ----------------------------------> server 14
#	client 13 ---> server 12    strangers to it
. "$(dirname "$0")/lib.bash"
client_limit=20
kinds=${*:-zeros:200 cunning:0} # also: random:0 ones:200 flips:0 once:0

cpu_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$(daemon_pid "$1")/stat"; }

let_loose() { # KIND PAUSE_US
	timeout 10 dvs -n 0 run 0 60 -- "$build/test/conformance/hostile" 0 60 "$1" "$2" 10 14 >"$tmp/hostile" 2>&1 ||
		fail "the hostile one did not start: $(<"$tmp/hostile")"
	until_true 5 pages_found || fail "the hostile one has no pages: $(dvs logs 0 60 2>&1)"
}
pages_found() { dvs logs 0 60 2>/dev/null | grep -q pages; }

catch() {
	local pid
	pid=$(lpid_of 60)
	[[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null
	until_true 5 is_free 60 || fail "endpoint 60 is not free"
}
is_free() { [[ $(rows_of "$1") == "[]" ]]; }

same_daemons() { [[ $(daemon_pid 0) == "$daemon0" && $(daemon_pid 1) == "$daemon1" ]]; }

move_within() { # SECONDS EP NODE
	local start=$SECONDS
	move "$2" "$3"
	((SECONDS - start <= $1)) || fail "moving $2 took $((SECONDS - start)) s"
}

for given in $kinds; do
	kind=${given%:*}
	lab 2
	daemon0=$(daemon_pid 0) daemon1=$(daemon_pid 1)
	server 0 10 64
	server 0 12 64
	server 1 14 64

	begin "$kind: others call on, also its peers"
	let_loose "$kind" "${given#*:}"
	begun=$(cpu_ms 0) start=$(date +%s%N)
	client 0 13 12 300 0.001
	client 0 15 14 300 0.001
	client 0 11 10 300 0.001
	client_ok 13 15 11
	took=$((($(date +%s%N) - start) / 1000000)) cpu=$(($(cpu_ms 0) - begun))
	((took < 15000)) || fail "300 calls each took $took ms: $(tail -qn 1 "$tmp"/client.*)"
	((cpu < took)) || fail "the daemon used $cpu ms of CPU in $took ms"
	end

	begin "$kind: dvs ps answers at once"
	start=$(date +%s%N)
	[[ $(rows_of 60 | field p_nr) == 60 ]] || fail "the hostile one is not shown"
	((($(date +%s%N) - start) / 1000000 < 5000)) || fail "it took $((($(date +%s%N) - start) / 1000000)) ms"
	end

	begin "$kind: strangers and peers of it move"
	move_within 8 12 1
	move_within 10 10 1
	move_within 10 10 0
	move_within 10 14 0
	client 0 13 12 50 0.001
	client 0 11 10 50 0.001
	client_ok 13 11
	end

	begin "$kind: moving it is refused or harmless"
	timeout 60 dvs migrate 0 60 1 --json >"$tmp/moved" 2>"$tmp/err" # whatever load there is: it ends by itself
	[[ $? != 124 ]] || fail "no answer"
	same_daemons || fail "a daemon is gone"
	end

	begin "$kind: it leaves nothing behind"
	catch
	same_daemons || fail "a daemon is gone"
	client 0 16 10 200 0
	client 1 17 14 200 0
	client_ok 16 17
	begun=$(cpu_ms 0)
	sleep 1
	(($(cpu_ms 0) - begun < 200)) || fail "the daemon used $(($(cpu_ms 0) - begun)) ms of CPU in a second of nothing"
	echo "# $kind: the daemon used $cpu ms of CPU in $took ms; pages: $(grep -c . "$tmp/hostile")"
	end
done
finish
