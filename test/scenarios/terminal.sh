#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# Programs that give others a terminal move with them: what is written and typed while they move lacks nothing, and the
# terminal is the controlling one still.
. "$(dirname "$0")/lib.bash"
export DVS_FAULT=keep-check # its daemons compare what they leave to a next one with all that there is
lab 2

lines() { tr -d '\r' <"$1" | grep -E '^[0-9]+$'; }
is_counted() { lines "$1" >"$tmp/lines" && seq "$(wc -l <"$tmp/lines")" | cmp -s - "$tmp/lines"; }
has_more() { [[ -s $1 ]] && (($(lines "$1" | wc -l) > $2)); }
goes_on() { until_true 5 has_more "$1" "$(($(lines "$1" | wc -l) + 5))" || fail "$1 ends with $(tail -n 1 "$1")"; }
moves_to() { # EP NODE
	for _ in $(seq 20); do
		timeout 20 dvs migrate 0 "$1" "$2" >/dev/null 2>"$tmp/err" && return
		grep -q 'try again' "$tmp/err" || break
	done
	fail "$1 does not move to $2: $(<"$tmp/err")"
}

begin "script and the shell inside it move, and no line is lost or out of its turn"
timeout 10 dvs -n 0 run 0 41 -- script -qfc "i=0; while :; do i=\$((i+1)); echo \$i; sleep 0.02; done" "$tmp/typescript" >/dev/null || fail "not started"
until_true 5 has_more "$tmp/typescript" 5 || fail "it does not begin"
for to in 1 0 1 0; do
	moves_to 41 "$to"
	goes_on "$tmp/typescript"
done
is_counted "$tmp/typescript" || fail "$(seq "$(wc -l <"$tmp/lines")" | diff - "$tmp/lines" | head -n 5)"
end

begin "a shell that works by itself answers whatever is typed, and has its terminal"
cat >"$tmp/type.py" <<-'PY'
	import os, pty, sys, time
	pid, terminal = pty.fork()
	if pid == 0:
	    os.execlp("bash", "bash", "--norc", "-i")
	count = 0
	while True:
	    count += 1
	    os.write(terminal, b"echo =$((%d+1))=; tty\n" % (count - 1))
	    heard = b""
	    while b"=%d=" % count not in heard or b"/dev/pts/" not in heard:
	        heard += os.read(terminal, 1000)
	    with open(sys.argv[1], "a") as file:
	        file.write("%d\n" % count)
	    time.sleep(0.01)
PY
timeout 10 dvs -n 0 run 0 42 -- python3 "$tmp/type.py" "$tmp/typed" >/dev/null || fail "not started"
until_true 5 has_more "$tmp/typed" 5 || fail "it does not begin"
for to in 1 0 1 0; do
	moves_to 42 "$to"
	goes_on "$tmp/typed"
done
is_counted "$tmp/typed" || fail "$(tail -n 5 "$tmp/typed")"
end

begin "a number that is taken on the target is refused by name, and the program goes on"
timeout 10 dvs -n 1 run 0 43 -- script -qfc "sleep 7777" /dev/null >/dev/null || fail "not started"
until_true 5 pgrep -f '^sleep 7777' >/dev/null || fail "it does not begin"
timeout 20 dvs migrate 0 41 1 >/dev/null 2>"$tmp/err" && fail "it moved"
grep -q 'terminal number 0 .* is taken on the target' "$tmp/err" || fail "it says: $(<"$tmp/err")"
goes_on "$tmp/typescript"
timeout 10 dvs kill 0 43 >/dev/null || fail "not ended"
end

if [[ $(type -P tmux) ]]; then
	begin "tmux moves with the shell in its window"
	type() { timeout 5 tmux -S "$tmp/tmux" -f /dev/null "$@"; }
	shows_more() { [[ $(type capture-pane -p | grep -cE '^line [0-9]+$') != 0 && $(type capture-pane -p | grep -E '^line' | tail -n 1) != "$1" ]]; }
	timeout 10 dvs -n 0 run 0 44 -- tmux -D -S "$tmp/tmux" -f /dev/null >/dev/null || fail "not started"
	until_true 5 test -S "$tmp/tmux" || fail "it does not begin"
	type new-session -d 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done' || fail "no window"
	for to in 1 0; do
		moves_to 44 "$to"
		until_true 5 shows_more "$(type capture-pane -p | grep -E '^line' | tail -n 1)" || fail "$(type capture-pane -p)"
	done
	type kill-server
	end
fi
finish
