# SPDX-License-Identifier: Apache-2.0
# Shared by the tests of programs; sourced, not run. Each file beside this one starts one program as Debian has it, gives
# it work, moves it three times in the middle of that and compares its output with that of an unmoved run.
#
# The table of doc/PROGRAMS.md has a row for each file, and says what is expected: `moves`, or `refused: ` and the sentence
# that names the reason. A refused program is held to the same output: it runs on as if it had not been asked.
. "${BASH_SOURCE[0]%/*}/../scenarios/lib.bash"
here=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
program=$(basename "$0" .sh)
expected=$(awk -F ' *[|] *' -v name="$program" '$2 == name { print $4 }' "$here/../../doc/PROGRAMS.md")
ep=40
PATH=$build/bin:/usr/sbin:/usr/bin:/sbin:/bin # the programs of Debian, and no wrapper of them
cd "$tmp" || exit 1

# The programs of the machine that a test needs. `make programs` installs them, and nothing else does.
needs() { # PROGRAM...
	local name
	for name; do
		[[ $name != /* || ! -x $name ]] && ! command -v "$name" >/dev/null || continue
		echo "skip: $name is not installed (make programs)"
		exit 77
	done
}

# The processes that run, one a line, but the one that asks and those that it descends from.
processes() {
	python3 - <<-'P'
		import os
		def stat(pid):
		    with open(f"/proc/{pid}/stat") as file:
		        name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
		    return name, rest.split()[0], int(rest.split()[1])
		mine, pid = set(), os.getpid()
		while pid:
		    mine.add(pid)
		    pid = stat(pid)[2]
		for pid in set(map(int, filter(str.isdigit, os.listdir("/proc")))) - mine:
		    try:
		        name, state, _ = stat(pid)
		    except OSError:
		        continue
		    if state != "Z":
		        print(pid, name)
	P
}

# DC 0 has $address, of the network of the lab.
give_address() {
	timeout 10 dvs dc rm 0 >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
	timeout 10 dvs dc create 0 --address "$address/24" >/dev/null 2>"$tmp/err" || fail "no address: $(<"$tmp/err")"
}

start() { # CMD...
	processes >"$tmp/after"
	sort "$tmp/after" >"$tmp/before"
	if [[ -z ${address:-} ]]; then
		lab 2
	else
		lab 3
	fi
	begin "$program"
	[[ -z ${address:-} ]] || give_address
	[[ $expected == moves || $expected == "refused: "* ]] || fail "doc/PROGRAMS.md has no row for it"
	timeout 20 dvs -n 0 run 0 $ep -- "$@" >"$tmp/started" 2>&1 || fail "not started: $(<"$tmp/started")"
}

# Prints a number that grows with the work; a test may have another one.
progress() { [[ ! -e $tmp/rounds ]] && echo 0 || wc -l <"$tmp/rounds"; }
progress_beyond() { (($(progress) > $1)); }
goes_on() { # WHEN
	local before
	before=$(progress)
	until_true 30 progress_beyond "$before" || fail "$1, it stands: $(timeout 5 dvs logs 0 $ep 2>&1 | tail -n 5)"
}

# A move that meets a step of the program which lasts a moment is asked for again, as the refusal says.
moves_to() { # NODE
	local try
	for ((try = 0; try < 20; try++)); do
		timeout 30 dvs migrate 0 $ep "$1" >/dev/null 2>"$tmp/err" && return
		grep -qE 'try again|be received first|has not received' "$tmp/err" || return
	done
	return 1
}
moves() {
	local node
	goes_on "before a move"
	for node in 1 0 1; do
		if ! moves_to $node; then
			[[ $expected == "refused: "* && $(<"$tmp/err") == *"${expected#refused: }"* ]] ||
				fail "expected: $expected; but to node $node: $(<"$tmp/err")"
			goes_on "after a refusal"
			return
		fi
		goes_on "on node $node"
	done
	[[ $expected == moves ]] || fail "it moves now; doc/PROGRAMS.md says \"$expected\""
}

# The program is told to end, and does so: by the file that its work looks for, or else by a signal.
is_over() { [[ $(rows_of $ep) == "[]" ]]; }
ends() {
	touch "$tmp/end"
	until_true 30 is_over || fail "it does not end: $(timeout 5 dvs logs 0 $ep 2>&1 | tail -n 5)"
}
stops() {
	timeout 20 dvs stop 0 $ep >/dev/null 2>"$tmp/err" || fail "it does not stop: $(<"$tmp/err")"
	until_true 10 is_over || fail "it is stopped and still there"
}

# The rounds are numbers from 1 on, one a line; anything else is what went wrong.
is_counted() {
	seq "$(wc -l <"$tmp/rounds")" | cmp -s - "$tmp/rounds" ||
		fail "wrong: $(seq "$(wc -l <"$tmp/rounds")" | diff - "$tmp/rounds" | head -n 5) $(grep -vxE '[0-9]+' "$tmp/rounds" | tail -n 5)"
}

over() {
	timeout 30 dvs lab down >/dev/null 2>&1
	nothing_is_left() {
		processes >"$tmp/after"
		! sort "$tmp/after" | comm -13 "$tmp/before" - | grep . >"$tmp/left"
	}
	until_true 5 nothing_is_left || fail "left: $(<"$tmp/left")"
	end
	finish
}

# A piece of work of the shell that gives the same output each time: repeated until it is told to end, and each output
# compared with that of an unmoved run.
repeated() { # TEXT
	sh -c "$1" >"$tmp/once" 2>&1
	md5sum <"$tmp/once" >"$tmp/reference"
	start sh -c "while [ ! -e end ]; do { $1
		} 2>&1 | tee last | md5sum; done >>rounds"
	moves
	ends
	sort -u "$tmp/rounds" | cmp -s - "$tmp/reference" ||
		fail "other output than unmoved: $(sort "$tmp/rounds" | uniq -c | head -n 4) $(diff "$tmp/once" "$tmp/last" | head -n 5)"
	over
}

# A program that writes a number for each round that was right, until it is told to end.
counts() { # CMD...
	start sh -c 'exec "$@" >rounds 2>&1' sh "$@"
	moves
	ends
	is_counted
	over
}

# A server and its client in one tree. The client counts its rounds, each after an answer that was right.
served() { # SERVER CLIENT: two texts of the shell
	start sh -c "$1 >server.out 2>&1 & $2 >>rounds 2>&1; kill \$!; wait"
	moves
	ends
	is_counted || fail "the server says: $(tail -n 5 "$tmp/server.out")"
	over
}

# The client is on a node that the server, which was started, does not come to, and keeps its connections.
served_from_afar() { # CLIENT CMD...
	timeout 100 dvs lab exec 2 -- "$@" >>rounds 2>&1 &
	moves
	touch end
	wait
	stops
	is_counted
	over
}
http_load="python3 $here/http_load.py"
