#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
#
# A DC is a container: its own /proc, before and after a move, and what its programs leave behind.
. "$(dirname "$0")/lib.bash"
lab 2

own_proc() {
begin "a process finds its own number in /proc, also after it has moved"
cat >"$tmp/self.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	for (;;) {
		char text[32] = "", own[32];
		FILE *file = fopen(argv[argc - 1], "w");
		snprintf(own, sizeof(own), "/proc/%d/stat", (int)getpid());
		int good = readlink("/proc/self", text, 31) > 0 && atoi(text) == getpid() && !access(own, R_OK);
		fprintf(file, "%s\n", good ? "good" : "bad");
		fclose(file);
		usleep(50000);
	}
}
END
cc -o "$tmp/self" "$tmp/self.c" || fail "no compiler"
timeout 10 dvs -n 0 run 0 40 -- "$tmp/self" "$tmp/said" >/dev/null || fail "not started"
until_true 5 grep -qs good "$tmp/said" || fail "before: $(<"$tmp/said")"
timeout 20 dvs migrate 0 40 1 >/dev/null 2>"$tmp/err" || fail "does not move: $(<"$tmp/err")"
rm -f "$tmp/said"
until_true 5 grep -qs good "$tmp/said" || fail "after: $(<"$tmp/said")"
[[ $(readlink /proc/self) != 1 && -d /proc/$$ ]] || fail "our own /proc has changed"
end

begin "mounts: those of a DC stay inside"
init=$(pgrep -x dvs-init | head -n 1)
[[ $(readlink "/proc/$init/ns/mnt") != "$(readlink /proc/self/ns/mnt)" ]] || fail "it has ours"
[[ $(grep -c ' /proc proc ' /proc/self/mounts) == $(grep -c ' /proc proc ' /proc/1/mounts) ]] ||
	fail "$(grep ' /proc ' /proc/self/mounts)"
end
}
# Where the daemon has a changed root (chroot) it says so and keeps the /proc of its node.
timeout 10 dvs -n 0 run 0 39 --wait -- true >/dev/null || not_ok "a first program" "not started"
if grep -q 'numbers of the node' /run/dvs/lab/node0.log; then
	echo "skip: the daemons have a changed root, so containers have no /proc of their own"
else
	own_proc
fi

begin "what a program left behind ends with it, and nothing else does"
timeout 10 dvs -n 0 run 0 41 -- sleep 7771 >/dev/null || fail "not started"
timeout 10 dvs -n 0 run 0 42 -- sh -c '(sleep 7772 & sleep 7772 &); sleep 7772 & exec sleep 7773' >/dev/null || fail "not started"
until_true 5 pgrep -f 'sleep 7773' >/dev/null || fail "it does not run"
[[ $(pgrep -fc 'sleep 7772') == 3 ]] || fail "$(pgrep -fc 'sleep 7772') children"
kill -9 "$(lpid_of 42)"
none() { ! pgrep -f 'sleep 7772' >/dev/null; }
until_true 5 none || fail "left: $(pgrep -fa 'sleep 7772')"
pgrep -f 'sleep 7771' >/dev/null || fail "another endpoint's process ended too"
end

begin "a process does not move away from its orphans"
timeout 10 dvs -n 0 run 0 43 -- sh -c '(sleep 7774 &); exec sleep 7775' >/dev/null || fail "not started"
until_true 5 pgrep -f 'sleep 7775' >/dev/null || fail "it does not run"
timeout 20 dvs migrate 0 43 1 >/dev/null 2>"$tmp/err" && fail "it moved"
grep -q 'left a child process' "$tmp/err" || fail "it says: $(<"$tmp/err")"
end

finish
