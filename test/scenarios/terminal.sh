#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# Programs that give others a terminal move with them: what is written and typed while they move lacks nothing, and the
# terminal is the controlling one still.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/counting.bash"
export DVS_FAULT=keep-check # its daemons compare what they leave to a next one with all that there is
lab 2

numbers_in() { tr -d '\r' <"$1" | grep -E '^[0-9]+$'; } # beside what script says of itself

begin "script and the shell inside it move, and no line is lost or out of its turn"
timeout 10 dvs -n 0 run 0 41 -- script -qfc "i=0; while :; do i=\$((i+1)); echo \$i; sleep 0.02; done" "$tmp/typescript" >/dev/null || fail "not started"
counts_on 41 "$tmp/typescript"
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
counts_on 42 "$tmp/typed"
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
