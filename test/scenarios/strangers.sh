#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
#
# Strangers on the network, and bits that change on it. A program stands between two nodes and sees the
# HELLO of a move; with that very HELLO others then try to be the node, and one bit after the other of
# a move is flipped.
. "$(dirname "$0")/lib.bash"
command -v nft >/dev/null && [[ -x /usr/bin/python3 ]] || exit 77
strangers="$(cd "$(dirname "$0")" && pwd)/strangers.py"
cp "$strangers" "$tmp" && strangers=$tmp/strangers.py
chmod 755 "$tmp"
lab 3
: >"$tmp/how"
python=/usr/bin/python3 # one that everybody may execute
as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
vpid_of() { rows_of "$1" | field vpid; }

begin "a move goes through a program that stands between two nodes"
dvs lab exec 0 -- nft -f - <<<'table ip between { chain out { type nat hook output priority -100;
	meta skgid 0 ip daddr 10.77.0.2 tcp dport 7700 redirect to :9999; }; }' 2>"$tmp/err" || exit 77
dvs lab exec 0 -- setpriv --regid 65534 --clear-groups "$python" -u "$strangers" between 10.77.0.2 10.77.0.1 "$tmp" \
	>"$tmp/between" 2>&1 &
disown
until_true 5 grep -q ready "$tmp/between" || fail "$(<"$tmp/between")"
server 0 10 64
move 10 1
until_true 3 test -s "$tmp/totals" || fail "no move came by: $(<"$tmp/between")"
read -r there back <"$tmp/totals"
move 10 0
end

# At node 1, as node 0. The first one is the proof that the others fail for what is wrong with them.
knock() { # NODE WHOM FROM PORT CHANGE...
	local node=$1 user=() port=$4
	[[ $2 == root ]] || user=("${as_nobody[@]}")
	timeout 20 dvs lab exec "$node" -- setpriv --regid 65534 --clear-groups "${user[@]}" "$python" "$strangers" knock 10.77.0.2 "$3" "$port" \
		"$tmp/hello" "${@:5}" 2>"$tmp/err"
}
stranger() { # WHAT ARGS OF knock
	local said
	said=$(knock "${@:2}")
	[[ $said == closed ]] || fail "$1: ${said:-$(tail -n 1 "$tmp/err")}"
}
begin "a connection is believed of the node alone, in its life, from its address and one of root's ports"
chmod 644 "$tmp/hello"
said=$(knock 0 root 10.77.0.1 low)
[[ $said == answered ]] || fail "the node itself is refused: $said $(tail -n 1 "$tmp/err")"
for kind in 1 2 3; do
	stranger "kind $kind, a user on the node itself" 1 nobody - high kind=$kind
	stranger "kind $kind, a user on node 0" 0 nobody 10.77.0.1 high kind=$kind
	stranger "kind $kind, a user on node 2" 2 nobody - high kind=$kind
	stranger "kind $kind, root on node 2" 2 root 10.77.0.3 low kind=$kind
	stranger "kind $kind, root on node 2 who says so" 2 root 10.77.0.3 low kind=$kind node=2
	stranger "kind $kind, another secret" 0 root 10.77.0.1 low kind=$kind secret=12345
	stranger "kind $kind, no secret" 0 root 10.77.0.1 low kind=$kind secret=0
	stranger "kind $kind, any life" 0 root 10.77.0.1 low kind=$kind incarnation=0 peer_incarnation=0
	stranger "kind $kind, another life" 0 root 10.77.0.1 low kind=$kind incarnation=77
	stranger "kind $kind, node 1 in another life" 0 root 10.77.0.1 low kind=$kind peer_incarnation=77
	stranger "kind $kind, to nobody" 0 root 10.77.0.1 low kind=$kind peer=-1
done
cp "$(command -v dvs)" "$tmp/dvs"
secret=$(python3 -c 'import struct, sys
print(struct.unpack_from("<Q", open(sys.argv[1], "rb").read(), 40)[0])' "$tmp/hello")
for what in ps nodes dc; do
	timeout 10 dvs lab exec 1 -- "${as_nobody[@]}" "$tmp/dvs" $what --json >"$tmp/shown" 2>"$tmp/err" || grep -q EDVSPERM "$tmp/err" ||
		fail "dvs $what as nobody: $(<"$tmp/err")"
	grep -qi -e "$secret" -e "$(printf %x "$secret")" "$tmp/shown" && fail "dvs $what shows the secret of a life"
done
end

begin "four hundred connections that say nothing, or the wrong thing, hold up neither moves, drains nor restarts"
threads() { ls "/proc/$(daemon_pid 1)/task" | wc -l; }
before=$(threads)
dvs lab exec 2 -- "${as_nobody[@]}" "$python" "$strangers" flood 10.77.0.2 - high "$tmp/hello" 400 8 >"$tmp/flood.1" 2>&1 &
dvs lab exec 2 -- "$python" "$strangers" flood 10.77.0.2 10.77.0.3 low - 200 8 >"$tmp/flood.2" 2>&1 &
until_true 15 grep -q connected "$tmp/flood.1" || fail "flood: $(<"$tmp/flood.1")"
until_true 15 grep -q connected "$tmp/flood.2" || fail "flood: $(<"$tmp/flood.2")"
((now = $(threads), now < before + 10)) || fail "node 1 has $now threads, $before before"
move 10 1
timeout 30 dvs drain 1 >"$tmp/out" 2>&1 || fail "drain: $(tail -n 1 "$tmp/out")"
timeout 15 dvs -n 1 restart >"$tmp/out" 2>&1 || fail "restart: $(tail -n 1 "$tmp/out")"
[[ $(owner 10) == 0 ]] || move 10 0
end

# Whatever bit it is, in whatever record before the order has decided: refused, and nothing has happened.
flip() { # WAY BYTE BIT
	local at
	echo "$*" >"$tmp/how"
	timeout 10 dvs migrate 0 10 1 >"$tmp/out" 2>&1 && fail "bit $3 of byte $2, way $1, was taken: $(<"$tmp/out")"
	: >"$tmp/how"
	grep -q "^flipped $*$" "$tmp/between" || fail "bit $3 of byte $2, way $1, did not come by: $(<"$tmp/out")"
	at="$(owner 10) $(vpid_of 10)"
	[[ $at == "$right" ]] || fail "after bit $3 of byte $2, way $1: on node and as number $at, before $right"
}
begin "a bit that is flipped on the way is refused, and the process runs on where it was"
right="0 $(vpid_of 10)"
flip 0 20 4
flip 1 50 0
verdict=$(((back - 88) / 3))
for ((byte = 88; byte < 200; byte += 5)); do flip 0 $byte $((byte % 8)) || break; done
for ((i = 0; i < 24; i++)); do flip 0 $((200 + (there - 250) * i / 24)) $((i % 8)) || break; done
for byte in 88 92 96 104 112 120 128 132 136 140 150; do
	flip 1 $byte $((byte % 8)) && flip 1 $((byte + verdict)) $((byte % 8)) || break
done
check_tables 10=0
check_processes migr_server 0
client 2 110 10 50 0
client_ok 110
end
finish
