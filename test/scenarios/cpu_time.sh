#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# alone
# timeout: 60
#
# CPU time begins anew on another node. A process that has a limit of it, or timers of it, gets no more
# of it by that, and the command that moves the process says so.
. "$(dirname "$0")/lib.bash"
lab 2

# Uses a given time, and then waits without using any.
user() { # EP SECONDS SETTING
	timeout 20 dvs -n 0 run 0 "$1" -- /usr/bin/python3 -c "
import resource, signal, time
$3
while time.process_time() < $2: pass
print('used', flush=True)
while True: time.sleep(1000)" >/dev/null || fail "run $1"
	until_true 20 uses_none "$1" || fail "endpoint $1 uses no CPU time"
}
uses_none() { timeout 5 dvs logs 0 "$1" | grep -q used; }
limits() { awk '/^Max cpu time/ { print $4, $5 }' "/proc/$(lpid_of "$1")/limits"; }
is_gone() { [[ -z $(lpid_of "$1") ]]; }
are() { # WHEN WANTED
	[[ $(limits 20) == "$2" ]] || fail "$1 the limits are $(limits 20), not $2"
}

begin "a limit of CPU time goes down by what was used, and the fractions add up"
user 20 2.4 "resource.setrlimit(resource.RLIMIT_CPU, (100, 200))"
timeout 10 dvs migrate 0 20 1 --dry-run >"$tmp/out" || fail "$(<"$tmp/out")"
grep -q "CPU time of endpoint 20 would begin anew on node 1, after 2.* s on node 0; its limit of CPU time" \
	"$tmp/out" || fail "the dry run says: $(<"$tmp/out")"
are "before" "100 200"
timeout 20 dvs migrate 0 20 1 >"$tmp/out" || fail "$(<"$tmp/out")"
grep -q "CPU time of endpoint 20 begins anew on node 1, after 2.* s on node 0; its limit of CPU time" \
	"$tmp/out" || fail "the move says: $(<"$tmp/out")"
are "after 2.4 s" "98 198"
move 20 0
move 20 1
are "after moves without use" "98 198"
[[ $(field cpu_limit_lowered <<<"$moved") == True && $(field cpu_timers <<<"$moved") == False ]] ||
	fail "no word in JSON: $moved"
end

begin "timers of CPU time are told of, and a process without either is not"
user 21 0.1 "signal.setitimer(signal.ITIMER_PROF, 1000)"
timeout 20 dvs migrate 0 21 1 >"$tmp/out" || fail "$(<"$tmp/out")"
grep -q "CPU time of endpoint 21 begins anew.*its timers of CPU time keep" "$tmp/out" ||
	fail "the move says: $(<"$tmp/out")"
server 0 22 0
timeout 20 dvs migrate 0 22 1 >"$tmp/out" || fail "$(<"$tmp/out")"
grep -q "CPU time" "$tmp/out" && fail "the move says: $(<"$tmp/out")"
end

begin "a process whose time is over on another node is ended there by its limit"
user 23 1.5 "resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
signal.signal(signal.SIGUSR1, lambda *_: [None for _ in iter(int, 1)])"
move 23 1
kill -USR1 "$(lpid_of 23)"
until_true 5 is_gone 23 || fail "it is not ended"
end
finish
