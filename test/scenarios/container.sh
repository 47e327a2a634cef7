#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# A DC is a container: its own /proc, before and after a move, and what its programs leave behind, with control
# groups and without.
. "$(dirname "$0")/lib.bash"
export DVS_FAULT=keep-check # its daemons compare what they leave to a next one with all that there is
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
three() { [[ $(pgrep -fc '^sleep 7772') == 3 ]]; }
until_true 5 three || fail "$(pgrep -fc 'sleep 7772') children"
kill -9 "$(lpid_of 42)"
none() { ! pgrep -f 'sleep 7772' >/dev/null; }
until_true 5 none || fail "left: $(pgrep -fa 'sleep 7772')"
pgrep -f 'sleep 7771' >/dev/null || fail "another endpoint's process ended too"
end

# All that hangs on control groups; where none may be made the daemon's log says so.
mounted=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
group_of() { sed -n 's/^0:://p' "/proc/$(lpid_of "$1")/cgroup"; }
# Other labs of this machine may have folders too, so a folder is "dvs.0" or "dvs.0-1".
is_in() { [[ $(group_of "$1") =~ /dvs\.$2(-[0-9]+)?/0\.$1\.[0-9]+$ ]]; } # EP NODE
is_gone() { [[ ! -e $mounted$1 ]]; }
# Three that no session knows: they have one of their own each. The program writes when all are there.
family() { # NODE EP SECONDS
	timeout 10 dvs -n "$1" run 0 "$2" -- sh -c "for i in 1 2 3; do setsid sh -c 'setsid sleep $3 & exec true'; done; echo ready; exec sleep 7780" >/dev/null || fail "not started"
	until_true 5 family_is_there "$2" "$3" || fail "$(pgrep -fc "^sleep $3") of 3, $(rows_of "$2")"
}
family_is_there() { [[ $(pgrep -fc "^sleep $2") == 3 && $(cat "/proc/$(lpid_of "$1")/comm") == sleep ]]; }
# Their numbers in the DC.
inner_pids() {
	for pid in $(pgrep -f "^sleep $1"); do awk '/^NSpid/ { print $NF }' "/proc/$pid/status"; done | sort -n | xargs
}
nobody() { ! pgrep -f "^sleep $1" >/dev/null; }
in_groups() {
begin "groups: what forked twice into sessions of its own is counted, and ends with the endpoint"
timeout 10 dvs -n 0 run 0 44 -- sleep 7779 >/dev/null || fail "not started"
family 0 45 7778
[[ $(rows_of 45 | field child_count) == 3 ]] || fail "$(rows_of 45)"
[[ $(rows_of 45 | python3 -c 'import json,sys; print(*sorted(json.load(sys.stdin)[0]["children"]))') == "$(pgrep -f '^sleep 7778' | sort -n | xargs)" ]] || fail "$(rows_of 45)"
[[ $(rows_of 44 | field child_count) == 0 && $(rows_of 44 | field children) == "[]" ]] || fail "$(rows_of 44)"
[[ $(dvs ps 0 | awk '$2 == 45 { print $13 }') == 3 ]] || fail "$(dvs ps 0)"
is_in 45 0 && [[ $(group_of 45) != "$(group_of 44)" ]] || fail "groups $(group_of 44) and $(group_of 45)"
for to in 1 0 1; do
	was=$(group_of 45)
	numbers=$(inner_pids 7778)
	timeout 20 dvs migrate 0 45 $to --dry-run >/dev/null 2>"$tmp/err" || fail "dry run: $(<"$tmp/err")"
	move 45 $to
	[[ $(rows_of 45 | field child_count) == 3 && $(inner_pids 7778) == "$numbers" ]] || fail "$(rows_of 45), $(inner_pids 7778) in place of $numbers"
	until_true 5 is_gone "$was" || fail "$was is there still"
done
group=$(group_of 45)
timeout 10 dvs stop 0 45 >/dev/null || fail "not stopped"
until_true 5 nobody 7778 || fail "left: $(pgrep -fa 7778)"
until_true 5 is_gone "$group" || fail "$group is there still"
pgrep -f 'sleep 7779' >/dev/null || fail "another endpoint's process ended too"
end

begin "groups: a process has one on each node it comes to, also after a restart of the daemon"
for to in 1 0 1; do
	was=$(group_of 44)
	move 44 $to
	is_in 44 $to || fail "on node $to in $(group_of 44)"
	until_true 5 is_gone "$was" || fail "$was is there still"
done
was=$(group_of 44)
timeout 20 dvs -n 1 restart >/dev/null || fail "no restart"
[[ $(group_of 44) == "$was" ]] || fail "in $(group_of 44), not in $was any more"
move 44 0
until_true 5 is_gone "$was" || fail "$was is there still"
end

begin "groups: a process that somebody put elsewhere does not move"
elsewhere=$(mktemp -d "$mounted/elsewhere.XXXXXX") && lpid_of 44 >"$elsewhere/cgroup.procs"
timeout 20 dvs migrate 0 44 1 >/dev/null 2>"$tmp/err" && fail "it moved"
grep -q 'in another control group' "$tmp/err" || fail "it says: $(<"$tmp/err")"
timeout 10 dvs stop 0 44 >/dev/null
until_true 5 rmdir "$elsewhere" 2>/dev/null
end

begin "groups: a daemon that is killed leaves none, when it is there again or the lab is taken down"
for how in "start 1" "down"; do
	family 1 46 7781
	was=$(group_of 46)
	timeout 10 dvs lab kill 1 >/dev/null
	until_true 5 nobody 7781 || fail "left: $(pgrep -fa 7781)"
	timeout 20 dvs lab $how >/dev/null || fail "lab $how"
	is_gone "$was" || fail "$how: $was is there still"
done
end
}
if grep -q 'no control groups may be made' /run/dvs/lab/node0.log; then
	echo "skip: no control groups may be made here"
else
	in_groups
fi

begin "without groups: sessions do, and the log says so"
timeout 10 dvs lab down >/dev/null
unshare --mount --propagation private sh -c 'umount -l /sys/fs/cgroup; mount -t tmpfs none /sys/fs/cgroup; exec timeout 30 dvs lab up --nodes 2' >/dev/null || fail "no lab"
grep -q 'no control groups may be made' /run/dvs/lab/node0.log || fail "$(</run/dvs/lab/node0.log)"
timeout 10 dvs -n 1 nodes >"$tmp/out" || fail "dvs nodes: $?"
grep -q '^node 1 can make no control groups' "$tmp/out" || fail "$(<"$tmp/out")"
[[ $(timeout 10 dvs -n 1 nodes --json | python3 -c 'import json,sys; print([r["control_groups"] for r in json.load(sys.stdin)])') == "[None, False]" ]] || fail "$(dvs -n 1 nodes --json)"
timeout 10 dvs -n 0 run 0 47 -- sh -c 'sleep 7783 & (sleep 7783 &); exec sleep 7784' >/dev/null || fail "not started"
two() { [[ $(rows_of 47 | field child_count) == 2 ]]; }
until_true 5 two || fail "$(rows_of 47)"
timeout 20 dvs migrate 0 47 1 >/dev/null 2>"$tmp/err" && fail "it moved away from its orphan"
grep -q 'left a child process' "$tmp/err" || fail "it says: $(<"$tmp/err")"
timeout 10 dvs -n 0 run 0 48 -- sleep 7785 >/dev/null || fail "not started"
move 48 1
timeout 10 dvs stop 0 47 >/dev/null || fail "not stopped"
until_true 5 nobody 7783 || fail "left: $(pgrep -fa 7783)"
[[ $(owner 48) == 1 ]] || fail "another endpoint's process ended too"
end

finish
