#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# cluster
#
# Strangers on the network, and bits that change on it. A program stands between two nodes and sees all that they say;
# others try to be a node with words of their own, old ones and recorded ones, and one bit after the other of a move is
# flipped. A node with another key stays alone.
. "$(dirname "$0")/lib.bash"
command -v nft >/dev/null && [[ -x /usr/bin/python3 ]] || exit 77
cp "$(cd "$(dirname "$0")" && pwd)/strangers.py" "$tmp" && strangers=$tmp/strangers.py
chmod 755 "$tmp"
lab 3
: >"$tmp/how"
chmod 644 "$tmp/how"
python=/usr/bin/python3 # one that everybody may execute
as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
vpid_of() { rows_of "$1" | field vpid; }
key=/run/dvs/lab/key

begin "the key is root's alone, and no daemon starts with one that is not, or without"
[[ $(stat -c '%u %a' $key) == "0 600" ]] || fail "$(stat -c '%u %a' $key)"
cp $key "$tmp/open" && chmod 640 "$tmp/open"
echo "primary 12" >"$tmp/damaged" && chmod 600 "$tmp/damaged"
for wrong in open damaged none; do
	timeout 5 dvsd --id 5 --address 127.0.0.9 --group "local:$tmp/x" --key "$tmp/$wrong" >"$tmp/out" 2>&1 && fail "$wrong is taken"
	grep -q "$tmp/$wrong" "$tmp/out" || fail "$wrong: $(<"$tmp/out")"
done
"${as_nobody[@]}" cat $key >"$tmp/out" 2>/dev/null && fail "everybody can read the key"
dvs key show $key --json | grep -q "$(cut -d ' ' -f 3 $key)" && fail "dvs key show shows the key"
end

begin "a move goes through a program that stands between two nodes, which reads nothing of it"
dvs lab exec 0 -- nft -f - <<<'table ip between { chain out { type nat hook output priority -100;
	meta skgid 0 ip daddr 10.77.0.2 tcp dport 7700 redirect to :9999; }; }' 2>"$tmp/err" || exit 77
mkdir "$tmp/seen" && ln -s ../how "$tmp/seen/how" && chown -R 65534:65534 "$tmp/seen"
dvs lab exec 0 -- "${as_nobody[@]}" "$python" -u "$strangers" between 10.77.0.2 "$tmp/seen" >"$tmp/between" 2>&1 &
disown
until_true 5 grep -q ready "$tmp/between" || fail "$(<"$tmp/between")"
server 0 10 64
move 10 1
until_true 3 test -s "$tmp/seen/totals" || fail "no move came by: $(<"$tmp/between")"
read -r there back <"$tmp/seen/totals"
grep -q -a migr_server "$tmp/seen/said" && fail "the process can be read on its way"
move 10 0
end

say() { # NODE WORDS MOST_SECONDS MOST_BYTES
	local said
	said=$(timeout 20 dvs lab exec "$1" -- "${as_nobody[@]}" "$python" "$strangers" say 10.77.0.2 "$2" "$tmp/seen/said" 2>"$tmp/err")
	read -r how seconds bytes <<<"$said"
	[[ $how == closed ]] && ((seconds <= $3 && bytes <= $4)) || fail "$2, said on node $1: ${said:-$(tail -n 1 "$tmp/err")}"
}
refusals() { grep -c "connection from .* was refused" /run/dvs/lab/node1.log; }
threads() { ls "/proc/$(daemon_pid 1)/task" | wc -l; }
descriptors() { ls "/proc/$(daemon_pid 1)/fd" | wc -l; }
fewer() { (($($1) <= $2)); }
begin "nothing that a stranger says is answered, new or old, his own or recorded"
told=$(refusals) threads=$(threads) open=$(descriptors) start=$SECONDS
for node in 0 2; do
	for words in hello1 hello2 hello3 http noise tls12 tls13; do say $node $words 1 16; done
	# What a node's end says to recorded words cannot be told from noise without the key, and is its last.
	say $node replay 1 512
	say $node drip 4 512
	say $node half 3 0
done
[[ $(owner 10) == 0 ]] || fail "a recorded move was made"
# One line for each address in ten seconds, and a number for the rest; also where a line was there just before.
until_true 12 eval '(($(refusals) - told >= 2))'
((now = $(refusals) - told, now >= 2 && now <= 2 * ((SECONDS - start) / 10 + 1))) || fail "the log tells $now times of two addresses"
until_true 12 grep -q 'connections more were refused' /run/dvs/lab/node1.log || fail "the log does not count the others"
until_true 3 fewer threads "$threads" || fail "node 1 keeps $(threads) threads, $threads before"
until_true 3 fewer descriptors "$open" || fail "node 1 keeps $(descriptors) descriptors, $open before"
end

begin "a thousand connections hold up neither moves, drains nor restarts, nor do they fill the log"
before=$(threads) open=$(descriptors) told=$(refusals)
dvs lab exec 2 -- "${as_nobody[@]}" "$python" "$strangers" flood 10.77.0.2 "$tmp/seen/said" 600 8 >"$tmp/flood.1" 2>&1 &
dvs lab exec 2 -- "$python" "$strangers" flood 10.77.0.2 - 400 8 >"$tmp/flood.2" 2>&1 &
until_true 25 grep -q connected "$tmp/flood.1" || fail "flood: $(<"$tmp/flood.1")"
until_true 25 grep -q connected "$tmp/flood.2" || fail "flood: $(<"$tmp/flood.2")"
((now = $(threads), now < before + 10)) || fail "node 1 has $now threads, $before before"
((now = $(descriptors), now < open + 150)) || fail "node 1 has $now descriptors, $open before"
move 10 1
timeout 30 dvs drain 1 >"$tmp/out" 2>&1 || fail "drain: $(tail -n 1 "$tmp/out")"
timeout 15 dvs -n 1 restart >"$tmp/out" 2>&1 || fail "restart: $(tail -n 1 "$tmp/out")"
((now = $(refusals), now - told < 40)) || fail "the log tells of $((now - told)) refusals"
[[ $(owner 10) == 0 ]] || move 10 0
end

# Whatever bit it is, in whatever record before the order has decided: refused, and nothing has happened.
flip() { # WAY BYTE BIT
	local at
	echo "$*" >"$tmp/how"
	sleep 0.1
	timeout 10 dvs migrate 0 10 1 >"$tmp/out" 2>&1 && fail "bit $3 of byte $2, way $1, was taken: $(<"$tmp/out")"
	: >"$tmp/how"
	grep -q "^flipped $*$" "$tmp/between" || fail "bit $3 of byte $2, way $1, did not come by: $(<"$tmp/out")"
	at="$(owner 10) $(vpid_of 10)"
	[[ $at == "$right" ]] || fail "after bit $3 of byte $2, way $1: on node and as number $at, before $right"
}
begin "a bit that is flipped on the way is refused, and the process runs on where it was"
right="0 $(vpid_of 10)"
for byte in 0 60 200; do flip 0 $byte $((byte % 8)); done
for byte in 1 50 150; do flip 1 $byte $((byte % 8)); done
for ((i = 1; i < 40; i++)); do flip 0 $((400 + (there - 700) * i / 40)) $((i % 8)) || break; done
for ((i = 4; i < 14; i++)); do flip 1 $((back * i / 24)) $((i % 8)) || break; done
check_tables 10=0
check_processes migr_server 0
client 2 110 10 50 0
client_ok 110
end

begin "a node with another key stays alone, and is a node again with the right one"
cp -p $key "$tmp/right"
timeout 10 dvs lab kill 2 >/dev/null || fail "kill"
for wrong in secret number; do
	[[ $wrong == secret ]] && sed 's/....$/0000/' "$tmp/right" >$key || sed 's/primary ..../primary 0000/' "$tmp/right" >$key
	timeout 20 dvs lab start 2 >"$tmp/out" 2>&1 && fail "it has links with another $wrong"
	[[ $wrong == secret ]] && why="does not know the key" || why="key is none of ours"
	grep -q "$why" /run/dvs/lab/node[01].log /run/dvs/lab/node2.log || fail "nobody was told: $(tail -n 3 /run/dvs/lab/node2.log)"
	timeout 10 dvs lab kill 2 >/dev/null 2>&1
done
cat "$tmp/right" >$key
timeout 20 dvs lab start 2 >"$tmp/out" 2>&1 || fail "start: $(<"$tmp/out")"
client 2 111 10 50 0
client_ok 111
end
finish
