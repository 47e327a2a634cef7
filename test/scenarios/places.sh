#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
#
# Programs at unusual places: one that binds itself and moves all the same, and programs whose network
# namespace is not their node's.
. "$(dirname "$0")/lib.bash"
lab 2

bound() { [[ $(owner "$1") == "$2" ]]; }
begin "a program that binds itself can be moved, to and fro"
out=$(timeout 10 dvs -n 0 run --unbound 0 -- migr_server 0 10 64 2>&1)
[[ $out =~ ^lpid=[0-9]+\ vpid=[0-9]+\ node=0$ ]] || fail "run: $out"
until_true 5 bound 10 0 || fail "it did not bind itself: $(rows_of 10)"
client 1 11 10 400 0.005
move 10 1
until_true 5 bound 10 1 || fail "it did not move: $moved $(<"$tmp/err")"
move 10 0
client_ok 11
timeout 10 dvs logs 0 10 >"$tmp/log" 2>&1 || fail "logs: $(<"$tmp/log")"
end
begin "one that gave its endpoint back and has bound itself again can be moved"
timeout 10 dvs -n 0 run --unbound 0 -- "$build/test/conformance/stated" twice 12 13 >"$tmp/out" 2>&1 || fail "run: $(<"$tmp/out")"
until_true 5 bound 12 0 || fail "it did not bind itself: $(rows_of 12)"
move 12 1
timeout 10 dvs lab exec 0 -- "$build/test/conformance/stated" send 13 12 >"$tmp/out" 2>&1
[[ $(<"$tmp/out") == 0 ]] || fail "a send to it: $(<"$tmp/out")"
said() { dvs logs 0 12 2>/dev/null | grep -qx "0 7 from 13"; }
until_true 5 said || fail "it says: $(dvs logs 0 12 2>&1)"
end
begin "one that has not bound itself when its daemon is restarted can be moved afterwards"
timeout 10 dvs -n 0 run --unbound 0 -- sh -c 'until [ -e "$1" ]; do sleep 0.05; done; exec migr_server 0 14 64' sh "$tmp/go" \
	>"$tmp/out" 2>&1 || fail "run: $(<"$tmp/out")"
timeout 20 dvs -n 0 restart >"$tmp/out" 2>&1 || fail "restart: $(<"$tmp/out")"
touch "$tmp/go"
until_true 5 bound 14 0 || fail "it did not bind itself: $(rows_of 14)"
move 14 1
until_true 5 bound 14 1 || fail "it did not move: $moved $(<"$tmp/err")"
end
begin "what is unbound is no endpoint, and its end is told"
out=$(timeout 10 dvs -n 1 run --unbound 0 --json --wait -- sh -c 'echo hello; exit 3')
[[ $? == 3 && $(field log <<<"$out") == hello && $(field endpoint <<<"$out") == None ]] || fail "json: $out"
timeout 10 dvs run --unbound 0 10 -- true >"$tmp/out" 2>&1 && fail "EP is taken, and run says: $(<"$tmp/out")"
timeout 10 dvs run --unbound 9 -- true >"$tmp/out" 2>&1 && fail "a container that is not there: $(<"$tmp/out")"
timeout 10 dvs run --unbound -- true >"$tmp/out" 2>&1
[[ $? == 2 ]] || fail "no container: $(<"$tmp/out")"
end

begin "a program of another network namespace reaches its node's daemon by a path"
timeout 10 dvs -n 0 run 0 20 -- unshare --net migr_server 0 20 64 >"$tmp/out" 2>&1 || fail "run: $(<"$tmp/out")"
until_true 5 bound 20 0 || fail "the server: $(dvs logs 0 20)"
timeout 30 dvs lab exec 1 -- unshare --net migr_client 0 21 20 4096 100 0.001 >"$tmp/client" 2>&1
[[ $(tail -n 1 "$tmp/client") == "calls=100 failed=0 lost=0 "* ]] || fail "the client: $(tail -n 1 "$tmp/client")"
timeout 10 dvs lab exec 1 -- unshare --net dvs nodes >"$tmp/out" 2>&1 || fail "dvs: $(<"$tmp/out")"
end
begin "whose listener has to be root's"
/usr/bin/python3 -c 'import os, socket
os.setresuid(65534, 65534, 65534)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind("\0squatter"); s.listen(); s.settimeout(20)
print("ready", flush=True)
c = s.accept()[0]
print("told", len(c.recv(4096)), "bytes", flush=True)' >"$tmp/squatter" 2>&1 &
squatter=$!
until_true 5 grep -q ready "$tmp/squatter" || fail "no listener: $(<"$tmp/squatter")"
DVS_SOCKET=@squatter timeout 10 "$build/test/conformance/stated" send 3 2 >/dev/null 2>&1 && fail "it was believed"
wait $squatter
grep -qx "told 0 bytes" "$tmp/squatter" || fail "another user's listener: $(<"$tmp/squatter")"
end
finish
