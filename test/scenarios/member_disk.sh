#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# The disk of a lab is full: of the folder where sockets, logs and the state of the lab are. What runs goes on, moves
# included, and what needs a file is refused by name.
if [[ ! ${DVS_SMALL_DISK:-} ]]; then
	export DVS_SMALL_DISK=1
	exec unshare --mount --propagation private "$BASH" "$0"
fi
mkdir -p /run/dvs && mount -t tmpfs -o size=2m tmpfs /run/dvs || exit 77
. "$(dirname "$0")/lib.bash"
well() { timeout 10 dvs -n "$1" nodes >"$tmp/out" 2>&1; }

lab 3
begin "on a full disk processes, messages and moves go on"
server 1 10 256
client 0 110 10 on 0.002
until_true 15 has_called 110 20 || fail "the client does not call"
cat /dev/zero >/run/dvs/filler 2>/dev/null
[[ $(df --output=avail /run/dvs | tail -n 1) == *0 ]] || fail "$(df /run/dvs)"
well 0 || fail "$(<"$tmp/out")"
move 10 2
server 2 11 64
move 11 0
client_ok 110
timeout 10 dvs logs 0 11 >/dev/null 2>"$tmp/err" || fail "logs: $(<"$tmp/err")"
timeout 20 dvs -n 1 restart >/dev/null 2>"$tmp/err" || fail "restart: $(<"$tmp/err")"
check_tables 10=2 11=0
end

begin "what needs a file is refused by name, and works when there is room"
if ! timeout 20 dvs lab cut 0 1 >"$tmp/out" 2>&1; then
	grep -q 'No space left on device.*EDVSNOSPC' "$tmp/out" || fail "lab cut: $(<"$tmp/out")"
fi
timeout 20 dvs lab kill 1 >"$tmp/out" 2>&1 || fail "lab kill: $(<"$tmp/out")"
await_death 0 1
timeout 20 dvs lab start 1 >/dev/null 2>"$tmp/err" && fail "a node was started without a record"
grep -q 'No space left on device.*EDVSNOSPC' "$tmp/err" || fail "lab start: $(<"$tmp/err")"
rm /run/dvs/filler
timeout 20 dvs lab start 1 >/dev/null 2>"$tmp/err" || fail "lab start: $(<"$tmp/err")"
timeout 20 dvs lab heal 0 1 >/dev/null 2>"$tmp/err" || fail "lab heal: $(<"$tmp/err")"
until_true 5 well 0 || fail "$(<"$tmp/out")"
timeout 20 dvs lab kill 1 >/dev/null 2>"$tmp/err" || fail "lab kill: $(<"$tmp/err")"
timeout 20 dvs lab start 1 >/dev/null 2>"$tmp/err" || fail "lab start: $(<"$tmp/err")"
move 11 1
check_tables 10=2 11=1
end
timeout 30 dvs lab down >/dev/null 2>&1
umount -l /run/dvs
finish
