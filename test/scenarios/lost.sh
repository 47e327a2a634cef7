#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# engines: local
#
# What joins the nodes of a lab is lost: its sequencer, its switch, or both. What does not need it works on, and the
# commands say truly what is lost.
. "$(dirname "$0")/lib.bash"

status() { timeout 10 dvs lab status --json | field "$1"; }
gone() { ! kill -0 "$1" 2>/dev/null || grep -qs '^State:.Z' "/proc/$1/status"; }
lose() { # switch | sequencer
	local pid
	pid=$(status "$1")
	kill -KILL "$pid" && until_true 5 gone "$pid" || fail "no $1 to lose"
}
says() { # WORDS COMMAND...: refused, with these words
	timeout 20 "${@:2}" >"$tmp/out" 2>"$tmp/err" && fail "${*:2}: done"
	grep -q -e "$1" "$tmp/err" || fail "${*:2}: $(<"$tmp/err")"
}
works() { timeout 20 "$@" >"$tmp/out" 2>"$tmp/err" || fail "$*: $(<"$tmp/err")"; }

begin "a lost sequencer leaves the network, what runs, and every command that needs no order"
lab 3
server 0 10 16
client 0 11 10 400 0.005
client 1 12 10 400 0.005
are_bound() { [[ $(owner 11) == 0 && $(owner 12) == 1 ]]; }
until_true 10 are_bound || fail "the clients have no endpoints"
lose sequencer
until_true 5 grep -q 'the group is lost' /run/dvs/lab/node1.log || fail "nobody noticed"
works dvs lab exec 1 -- true
works dvs ps
works dvs dc
works dvs logs 0 10
works dvs lab status
grep -q 'sequencer has ended' "$tmp/out" || fail "lab status: $(<"$tmp/out")"
[[ $(status sequencer_up) == False && $(status switch_up) == True && $(status network_up) == True ]] || fail "lab status --json"
timeout 10 dvs lab exec 1 -- python3 -c 'import socket; socket.create_connection(("10.77.0.3", 7700), 3)' 2>"$tmp/err" ||
	fail "node 1 does not reach node 2: $(tail -n 1 "$tmp/err")"
works dvs lab cut 0 2
works dvs lab heal 0 2
client_ok 11 12
end

begin "without a sequencer the refusals name it"
lost='sequencer has ended.*EDVSNOCONN'
says "$lost" dvs nodes
says "$lost" dvs run 0 20 -- sleep 5
says "$lost" dvs dc create 4
says "$lost" dvs dc rm 0 --force
says "$lost" dvs migrate 0 10 1
says "$lost" dvs_migrate -s 0 10
says 'stayed for the reasons given' dvs drain 0
grep -q "$lost" "$tmp/out" || fail "drain: $(<"$tmp/out")"
works dvs lab restart 1
works dvs lab kill 2
says "$lost" dvs lab start 2
works dvs lab exec 0 -- true
[[ $(owner 10) == 0 ]] || fail "the server is on node $(owner 10)"
end

begin "a lab without a sequencer is taken down, and a new one stands"
works dvs lab down
[[ -e /run/dvs ]] && fail "a folder stays"
for program in dvs-sequencer dvs-switch dvsd; do
	pgrep -r D,R,S -x $program >/dev/null && fail "$program runs on"
done
lab 2
works dvs nodes
end

begin "a lost switch is said, and the network stays while the sequencer runs"
lose switch
works dvs nodes
works dvs run 0 10 -- sleep 100
works dvs migrate 0 10 1
works dvs lab kill 1
works dvs lab start 1
works dvs lab status
grep -q 'switch has ended' "$tmp/out" || fail "lab status: $(<"$tmp/out")"
end

begin "without both there is no network, and what is left says so"
lose sequencer
until_true 10 grep -q 'the group is lost' /run/dvs/lab/node1.log || fail "nobody noticed"
says 'network between the lab.s nodes is gone.*EDVSNOCONN' dvs lab cut 0 1
works dvs lab exec 1 -- true
works dvs lab kill 1
says 'sequencer has ended' dvs lab start 1
works dvs lab status
grep -q 'no node reaches another' "$tmp/out" || fail "lab status: $(<"$tmp/out")"
works dvs lab down
[[ -e /run/dvs ]] && fail "a folder stays"
end
finish
