#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A server whose program and library the other node lacks: refused by name, and moved with --carry-files while a client
# calls it. The nodes keep each file once, and a process that has copies moves on like any other one.
. "$(dirname "$0")/lib.bash"
kept=/var/lib/dvs-lab/$(stat -L -c %i /proc/self/ns/pid)-node1
away=$tmp/away
mkdir "$away"
chmod 755 "$tmp"
cp "$build/bin/migr_server" "$build"/lib/libdvk.so* "$away"
names() { ls -i "$kept" 2>/dev/null | sort; }
uses_copies() { # EP
	grep -q " $kept/[0-9a-f]\{64\}\$" "/proc/$(lpid_of "$1")/maps" || fail "endpoint $1 has no copies mapped"
	[[ $(readlink "/proc/$(lpid_of "$1")/exe") == "$kept/"* ]] || fail "the program of endpoint $1 is no copy"
}
start() { # EP: on node 0, from the folder
	timeout 10 dvs -n 0 run 0 "$1" -- env LD_LIBRARY_PATH="$away" "$away/migr_server" 0 "$1" 64 >/dev/null 2>"$tmp/err" ||
		fail "run: $(<"$tmp/err")"
}

lab 2
begin "a file that the target lacks is named, with the remedy"
# The container of node 1 has nothing in that folder.
server 1 30 64
nsenter --target "$(lpid_of 30)" --mount mount -t tmpfs none "$away" || fail "mount"
start 10
client 1 40 10 on 1
timeout 20 dvs migrate 0 10 1 >/dev/null 2>"$tmp/err" && fail "it moved"
grep -q "cannot open $away/.*--carry-files.*EDVSNOENT" "$tmp/err" || fail "$(<"$tmp/err")"
timeout 20 dvs migrate 0 10 1 --dry-run --carry-files >/dev/null 2>"$tmp/err" || fail "dry run: $(<"$tmp/err")"
[[ ! -e $kept ]] || [[ ! $(names) ]] || fail "a dry run has sent files"
end

begin "with --carry-files it moves, and its client notices nothing"
timeout 20 dvs migrate 0 10 1 --carry-files >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
uses_copies 10
client_ok 40
end

begin "the copies are as private as the files could be"
[[ $(stat -c '%a %u' "$kept") == "700 0" ]] || fail "$(stat -c '%a %u' "$kept")"
[[ ! $(find "$kept" -mindepth 1 ! -perm 444 ! -perm 555) ]] || fail "rights: $(ls -l "$kept")"
end

begin "a process that has copies moves on, back and forth"
client 0 41 10 on 1
for node in 0 1 0; do
	timeout 20 dvs migrate 0 10 "$node" >/dev/null 2>"$tmp/err" || fail "to node $node: $(<"$tmp/err")"
done
client_ok 41
uses_copies 10
end

begin "what is kept is not sent again"
before=$(names)
start 11
client 1 42 11 on 1
timeout 20 dvs migrate 0 11 1 --carry-files >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
uses_copies 11
client_ok 42
[[ $(names) == "$before" ]] || fail "the store had $before, and has $(names)"
end

begin "a changed program is another file"
cp "$away/migr_server" "$away/next" && printf more >>"$away/next" && mv "$away/next" "$away/migr_server"
start 13
timeout 20 dvs migrate 0 13 1 --carry-files >/dev/null 2>"$tmp/err" || fail "$(<"$tmp/err")"
(($(names | wc -l) == $(wc -l <<<"$before") + 1)) || fail "the store had $before, and has $(names)"
uses_copies 13
end

begin "drain takes files along as well"
timeout 30 dvs drain 0 --carry-files >"$tmp/out" 2>&1
timeout 10 dvs ps 0 --json | grep -q '"node": *0' && fail "left on node 0: $(<"$tmp/out")"
end

timeout 30 dvs lab down >/dev/null
begin "the lab leaves no files"
[[ ! -e $kept ]] || fail "$(find "$kept")"
end
finish
