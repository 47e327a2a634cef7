#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A server moves between two nodes while its client calls it.
#
#	      before			      after
#	node 0	      node 1		node 0	      node 1
#	client 11 --> server 10		client 11
#					server 10
#
# Exit status 0 when no call failed or was lost, doubled, reordered or damaged.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH="${DVS_BUILD:-$PWD/build}/bin:$PATH"
unset DVS_NODE
MEMORY_KB=2560
CALLS=1000

if [ "$(id -u)" != 0 ]; then
	echo "demo: two nodes on one machine need network namespaces, which need root: sudo make demo" >&2
	exit 1
fi
tmp=$(mktemp -d)
trap 'dvs lab down >/dev/null 2>&1; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

give_up() {
	echo "demo: $*" >&2
	for log in /run/dvs/lab/*.log; do
		[ -s "$log" ] && echo "--- $log" >&2 && tail -n 5 "$log" >&2
	done
	exit 1
}
tables() { # HEADING
	echo
	echo "$1"
	for node in 0 1; do
		echo "node$node:"
		timeout 10 dvs -n $node ps 0 --proc --names || give_up "no table of node $node"
	done
}
of() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$tmp/moved" "$1"; }
account() { sed -n 's/.*\b'"$1"'=\([0-9.]*\).*/\1/p' <<<"$last"; }

dvs lab status >/dev/null 2>&1 && { echo "demo: there is a lab already: end it with \`dvs lab down\` first" >&2; trap - EXIT; exit 1; }
timeout 30 dvs lab up --nodes 2 || give_up "no lab"
timeout 10 dvs -n 1 run 0 10 -- migr_server 0 10 $MEMORY_KB >"$tmp/server" || give_up "the server did not start"
echo "server: $(<"$tmp/server")"
sleep 0.2
cat <<'END'

Each node has a table of all endpoints. As the original printed it: container, slot, endpoint; process id on the host and in the
container (-1: it is elsewhere); node; flags in hexadecimal, at the end in words; which endpoint it receives from, sends to, waits for
while that moves (31438: any, 27342: none); the node it is reached through.
END
tables "BEFORE: the server on node1 waits for requests"

timeout 60 dvs lab exec 0 -- migr_client 0 11 10 4096 $CALLS 0.002 >"$tmp/client" 2>&1 &
client=$!
sleep 0.5
tables "DURING: the client on node0 calls the server on node1"

echo
timeout 20 dvs migrate 0 10 0 --json >"$tmp/moved" || give_up "the server did not move"
echo "MIGRATION"
printf 'migration time %12d ns\n' "$(of total_ns)"
printf 'transfer time  %12d ns\n' "$(of transfer_ns)"
printf 'stopped        %12d ns\n' "$(of downtime_ns)"
printf 'image          %12d bytes\n' "$(of image_bytes)"
wait $client
status=$?
last=$(tail -n 1 "$tmp/client")
case $last in
calls=*) ;;
*) give_up "the client says: $last" ;;
esac
printf 'longest call   %12.0f ns\n' "$(awk "BEGIN { print $(account max_us) * 1000 }")"
tables "AFTER: the server on node0, where its client has ended"

where=$(timeout 10 dvs ps 0 --json | python3 -c 'import json,sys; print(*[r["node"] for r in json.load(sys.stdin) if r["p_nr"]==10])')
left=$(timeout 10 dvs -n 1 ps 0 --proc --json | python3 -c 'import json,sys; print(sum(r["node"]==1 for r in json.load(sys.stdin)))')
echo
echo "client: $last"
if [ "$status" = 0 ] && [ "$(account calls)" = $CALLS ] && [ "$where" = 0 ] && [ "$left" = 0 ]; then
	awk "BEGIN { printf \"The server moved from node1 to node0 in %.1f ms and stood still for %.1f ms of them. Its client made \" \\
		\"%d calls, of which none failed or was lost, doubled, reordered or damaged; the longest took %.1f ms.\n\",
		$(of total_ns) / 1e6, $(of downtime_ns) / 1e6, $CALLS, $(account max_us) / 1e3 }"
	exit 0
fi
echo "Something went wrong: endpoint 10 is on node '$where', $left processes stayed on node1, the client ended with status $status:" \
	"failed=$(account failed) lost=$(account lost) duplicated=$(account duplicated) reordered=$(account reordered) corrupted=$(account corrupted)."
exit 1
