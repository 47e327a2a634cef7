#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
#
# A container has service addresses: a client outside of the nodes goes on with its connections while the server moves
# with its address, is moved back, and is not moved after all. No connection is reset, and no byte is lost or wrong.
. "$(dirname "$0")/lib.bash"
talk=$build/test/addresses/talk

# A machine of its own beside the nodes, at the switch of the lab.
outside() {
	local hub
	hub=$(timeout 10 dvs lab status --json | field switch)
	unshare -n sleep 1000 &
	outside=$!
	until_true 5 is_apart $outside || fail "no network for the client"
	nsenter -t "$hub" -n ip -batch - <<-I || fail "no client at the switch"
		link add client type veth peer name eth0 netns $outside
		link set client master dvs0 up
	I
	there ip -batch - <<-I || fail "no address for the client"
		link set lo up
		address add 10.77.0.200/24 dev eth0
		link set eth0 up
		address add fd77::200/64 dev eth0 nodad
	I
}
is_apart() { [[ $(readlink "/proc/$1/ns/net") != "$(readlink /proc/self/ns/net)" ]]; }
there() { nsenter -t "$outside" -n "$@"; }
trap 'kill ${outside:-} ${caller[@]:-} 2>/dev/null; dvs lab down >/dev/null 2>&1; rm -rf "$tmp"' EXIT

serve() { # NODE EP ADDRESS
	timeout 10 dvs -n "$1" run 3 "$2" -- "$talk" serve "$3" 7000 >"$tmp/started" 2>&1 ||
		fail "server $2 on node $1: $(<"$tmp/started")"
	until_true 5 listens "$1" "$3" || fail "server $2 on node $1 does not listen: $(timeout 10 dvs logs 3 "$2")"
}
listens() { # NODE ADDRESS
	timeout 10 dvs lab exec "$1" -- ss -Hltn sport = 7000 | grep -qF "$2"
}
declare -A caller
call() { # NAME ADDRESS CONNECTIONS
	nsenter -t "$outside" -n "$talk" call "$2" 7000 "$3" >"$tmp/call.$1" 2>"$tmp/call.$1.err" &
	caller[$1]=$!
	until_true 5 said "$1" || fail "client $1 says nothing: $(<"$tmp/call.$1.err")"
}
said() { [[ $(tail -n 1 "$tmp/call.$1" 2>/dev/null) == connections=* ]]; }
# A number that it said last.
last() { sed -n "\$s/.*$2=\([0-9]*\).*/\1/p" "$tmp/call.$1"; }
has_more() { (($(last "$1" "$2") + 0 > ${3:-0})); }
goes_on() { # NAME: bytes and datagrams come
	until_true 10 has_more "$1" received "$(last "$1" received)" || fail "client $1 gets no bytes: $(tail -n 1 "$tmp/call.$1")"
	until_true 10 has_more "$1" answered "$(last "$1" answered)" || fail "client $1 gets no datagrams: $(tail -n 1 "$tmp/call.$1")"
	[[ $(last "$1" wrong) == 0 && $(last "$1" resets) == 0 && $(last "$1" ends) == 0 ]] ||
		fail "client $1: $(tail -n 1 "$tmp/call.$1") $(<"$tmp/call.$1.err")"
}
calls_end() { # NAME...
	local name
	for name; do
		kill "${caller[$name]}"
		wait "${caller[$name]}" || fail "client $name: $(tail -n 1 "$tmp/call.$name") $(<"$tmp/call.$name.err")"
	done
}

try3() { # EP NODE
	moved=$(timeout 30 dvs migrate 3 "$1" "$2" --json 2>"$tmp/err")
}
move3() { # EP NODE
	try3 "$1" "$2"
	[[ $(field result <<<"$moved") == committed ]] || fail "endpoint $1 to node $2: $(<"$tmp/err")"
}
# The marked addresses and holes are where they are wanted, and nowhere else.
marks_of() { # NODE
	timeout 10 dvs lab exec "$1" -- ip -o address show scope global | awk '/ dynamic / { print $4 }'
	timeout 10 dvs lab exec "$1" -- ip route show proto 213
	timeout 10 dvs lab exec "$1" -- ip -6 route show proto 213
}
marks_are() { # NODE WORDS
	[[ $(marks_of "$1" | tr '\n' ' ') == "$2" ]]
}
addresses_at() { # NODE ADDRESS...: on that node, and on no other
	local node want
	for node in 0 1 2; do
		want=
		[[ $node != "$1" ]] || want="${*:2} "
		until_true 5 marks_are $node "$want" || fail "node $node has $(marks_of $node | tr '\n' ' '), not $want"
	done
}

v4=10.77.0.50 v6=fd77::50
lab 3
outside
begin "an address is given to one container, is no machine's, and only root gives it"
timeout 10 dvs dc create 3 --address $v4/24 --address $v6/64 >/dev/null 2>"$tmp/err" || fail "create: $(<"$tmp/err")"
timeout 10 dvs dc create 4 --address $v4/24 >/dev/null 2>"$tmp/err" && fail "twice"
grep -q "10.77.0.50/24 is one of DC 3" "$tmp/err" || fail "$(<"$tmp/err")"
timeout 10 dvs dc create 4 --address 10.77.0.2/24 >/dev/null 2>"$tmp/err" && fail "a node's"
grep -q "is that of node 1 itself" "$tmp/err" || fail "$(<"$tmp/err")"
[[ $(timeout 10 dvs dc --json | python3 -c 'import json,sys
print(*[d["addresses"] for d in json.load(sys.stdin)])') == "[] ['10.77.0.50/24', 'fd77::50/64']" ]] || fail "dc --json"
addresses_at none
end

begin "a server has its addresses when it begins"
serve 0 10 $v4
serve 0 11 $v6
addresses_at 0 $v4/32 $v6/128
call four $v4 3
goes_on four
end

begin "an endpoint that has sockets at an address, and does not hold it, is refused by name"
timeout 20 dvs migrate 3 11 1 >/dev/null 2>"$tmp/err" && fail "it moved"
grep -q "$v6" "$tmp/err" || fail "$(<"$tmp/err")"
timeout 10 dvs kill 3 11 >/dev/null 2>&1
goes_on four
end

begin "it moves three times and back with its connections"
for node in 1 2 0 1; do
	move3 10 $node
	addresses_at $node $v4/32 $v6/128
	goes_on four
done
end
calls_end four

begin "the same with IPv6"
timeout 10 dvs kill 3 10 >/dev/null 2>&1
addresses_at none
serve 1 12 $v6
addresses_at 1 $v4/32 $v6/128
call six $v6 3
for node in 2 0 1; do
	move3 12 $node
	addresses_at $node $v4/32 $v6/128
	goes_on six
done
calls_end six
end
timeout 10 dvs dc rm 3 --force >/dev/null
begin "with the container its addresses go"
addresses_at none
end

begin "the addresses end with a checkpoint that ends their holder, and come back with the holder"
timeout 10 dvs dc create 3 --address $v4/24 >/dev/null 2>"$tmp/err" || fail "create: $(<"$tmp/err")"
timeout 10 dvs -n 0 run 3 10 -- sleep 1000 >"$tmp/started" 2>&1 || fail "run: $(<"$tmp/started")"
addresses_at 0 $v4/32
timeout 30 dvs checkpoint 3 10 "$tmp/image" >/dev/null 2>"$tmp/err" || fail "checkpoint: $(<"$tmp/err")"
addresses_at 0 $v4/32
timeout 30 dvs checkpoint 3 10 "$tmp/image" --stop >/dev/null 2>"$tmp/err" || fail "checkpoint: $(<"$tmp/err")"
addresses_at none
timeout 10 dvs lab exec 0 -- ip address add $v4/24 dev lo
timeout 30 dvs restore "$tmp/image" >/dev/null 2>"$tmp/err" && fail "on a node that cannot have the address"
grep -q "its interface lo has that address for itself" "$tmp/err" || fail "not for that: $(<"$tmp/err")"
timeout 10 dvs lab exec 0 -- ip address del $v4/24 dev lo
timeout 30 dvs restore "$tmp/image" >/dev/null 2>"$tmp/err" || fail "restore: $(<"$tmp/err")"
marks_are 0 "$v4/32 " || fail "the process goes on before its addresses are there"
addresses_at 0 $v4/32
timeout 10 dvs dc rm 3 --force >/dev/null
addresses_at none
end

# The daemon of a node dies in the middle of the move, and the next one follows. With that of the source its frozen process
# ends; without that of the target it goes on where it was, until the order has given it to the target.
daemon_dies_at() { # STEP NODE: that has the process afterwards, or none
	kill "$outside"
	export DVS_FAULT=$1:die
	lab 3
	unset DVS_FAULT
	outside
	begin "a daemon that dies at $1 leaves no address and no hole behind"
	timeout 10 dvs dc create 3 --address $v4/24 >/dev/null 2>"$tmp/err" || fail "create: $(<"$tmp/err")"
	serve 0 10 $v4
	call four $v4 3
	try3 10 1
	[[ $1 == target-commit || $(field result <<<"$moved") != committed ]] || fail "it moved"
	if [[ $2 == none ]]; then
		addresses_at none
		kill "${caller[four]}"
		wait "${caller[four]}"
	else
		addresses_at "$2" $v4/32
		goes_on four
		calls_end four
	fi
	end
}
daemon_dies_at source-frozen none
daemon_dies_at source-sent none
daemon_dies_at target-checked 0
daemon_dies_at target-loaded 0
daemon_dies_at target-commit none
finish
