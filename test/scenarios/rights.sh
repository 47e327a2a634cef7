#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
#
# Who may do what: two users with containers of their own on two nodes, a third one in a group. Each verb allowed and
# refused, a moved process keeps its ids, and what a stranger tries leaves nothing behind; also with forged numbers, as
# root of a user namespace, and by a program with the set-user-ID bit. The daemon itself has no more than it needs.
. "$(dirname "$0")/lib.bash"
export DVS_FAULT=keep-check # its daemons compare what they leave to a next one with all that there is
alice=4711 bob=4712 carol=4713 team=4720
chmod 755 "$tmp"
# Where a user can read them, wherever the tree is.
cp "$build/bin/dvs" "$build/bin/migr_server" "$build/test/conformance/unbidden" "$build"/lib/libdvk.so* "$(dirname "$0")/../../src/wire/ctl.h" "$tmp"

as() { # UID COMMAND... ; carol is of the team
	local groups=(--clear-groups)
	[[ $1 == "$carol" ]] && groups=(--groups "$team")
	timeout 40 setpriv --reuid "$1" --regid "$1" "${groups[@]}" env LD_LIBRARY_PATH="$tmp" "PATH=$tmp:$PATH" "${@:2}"
}
may() { # UID WORDS OF dvs...
	as "$1" dvs "${@:2}" >"$tmp/out" 2>"$tmp/err" || fail "uid $1 may not: dvs ${*:2}: $(<"$tmp/err")"
}
may_not() { # UID WORDS OF dvs...
	as "$1" dvs "${@:2}" >"$tmp/out" 2>"$tmp/err" && fail "uid $1 may: dvs ${*:2}"
	grep -q EDVSPRIVILEGES "$tmp/err" || fail "uid $1, dvs ${*:2}: $(<"$tmp/err")"
}
rows() { # UID NODE DCID: the endpoints that it is shown, each with its node
	as "$1" dvs -n "$2" ps "$3" --json 2>/dev/null | python3 -c 'import json,sys
print(*["%d@%d" % (r["p_nr"], r["node"]) for r in json.load(sys.stdin)])' 2>/dev/null
}
lpid() { # DCID EP
	timeout 10 dvs ps "$1" --json | python3 -c 'import json,sys
print(*[r["lpid"] for r in json.load(sys.stdin) if r["p_nr"]==int(sys.argv[1])])' "$2"
}
# Ids, groups and capabilities, of the kernel's words about a process.
ids() { awk '/^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs)/ { $1 = $1; printf "%s;", $0 }' "/proc/$1/status"; }
none() { pgrep -U "$1" >/dev/null && return 1 || return 0; }

lab 2
timeout 10 dvs dc create 1 --owner $alice --group $alice >/dev/null || fail "dc create for alice"
timeout 10 dvs dc create 2 --owner $bob --group $team --mode 0740 >/dev/null || fail "dc create for bob"

begin "a container says whose it is, and shows itself to those who may see it"
[[ $(timeout 10 dvs -n 1 dc list --json | python3 -c 'import json,sys
print(*[(d["dcid"], d["owner"], d["group"], d["mode"]) for d in json.load(sys.stdin)])') == "(0, 0, 0, '0700') (1, $alice, $alice, '0700') (2, $bob, $team, '0740')" ]] ||
	fail "$(timeout 10 dvs dc list --json)"
seen() { as "$1" dvs -n "$2" dc list --json | python3 -c 'import json,sys
print(*[d["dcid"] for d in json.load(sys.stdin)])'; }
for n in 0 1; do
	[[ "$(seen $alice $n)/$(seen $bob $n)/$(seen $carol $n)/$(seen 0 $n)" == "1/2/2/0 1 2" ]] ||
		fail "on node $n: $(seen $alice $n)/$(seen $bob $n)/$(seen $carol $n)/$(seen 0 $n)"
done
end

begin "a user in more groups than are kept is judged by those that decide"
many=$(seq -s, 3001 3060),$team
timeout 40 setpriv --reuid 4714 --regid 4714 --groups "$many" env LD_LIBRARY_PATH="$tmp" "PATH=$tmp:$PATH" dvs -n 0 dc list --json >"$tmp/out" 2>&1
grep -q '"dcid": *2' "$tmp/out" || fail "the group $team is not seen behind 60 others: $(<"$tmp/out")"
end

begin "a user runs, sees, moves and stops in its own container, over both nodes, with its own ids"
may $alice -n 0 run 1 10 -- "$tmp/migr_server" 1 10 64
may $alice -n 1 run 1 11 -- sh -c 'echo secret of alice; exec sleep 300'
before=$(ids "$(lpid 1 10)")
[[ $before == *"Uid: $alice $alice $alice $alice;Gid: $alice $alice $alice $alice;Groups:;"*"CapPrm: 0000000000000000;CapEff: 0000000000000000"*"NoNewPrivs: 0;" ]] ||
	fail "started as $before"
[[ $(rows $alice 0 1) == "11@1 10@0" || $(rows $alice 0 1) == "10@0 11@1" ]] || fail "sees $(rows $alice 0 1)"
may $alice -n 0 migrate 1 10 1 # asked where it is
[[ $(ids "$(lpid 1 10)") == "$before" ]] || fail "moved as $(ids "$(lpid 1 10)"), not $before"
may $alice -n 0 migrate 1 10 0 # asked elsewhere: the request is passed on
[[ $(ids "$(lpid 1 10)") == "$before" ]] || fail "moved back as $(ids "$(lpid 1 10)")"
may $alice -n 0 logs 1 11
grep -q secret "$tmp/out" || fail "no log over the link"
may $alice -n 1 kill 1 10 --signal CONT
end

begin "supplementary groups go with a program, and over a move"
may_not $carol -n 0 run 2 20 -- sleep 300
timeout 10 dvs dc rm 2 --force >/dev/null && timeout 10 dvs dc create 2 --owner $bob --group $team --mode 0770 >/dev/null || fail "dc create"
may $carol -n 0 run 2 20 -- "$tmp/migr_server" 2 20 16
before=$(ids "$(lpid 2 20)")
[[ $before == *"Uid: $carol "*"Groups: $team;"* ]] || fail "started as $before"
may $bob -n 1 migrate 2 20 1 # its owner moves what another user runs there
[[ $(ids "$(lpid 2 20)") == "$before" ]] || fail "moved as $(ids "$(lpid 2 20)"), not $before"
may $carol -n 1 stop 2 20
timeout 10 dvs dc rm 2 --force >/dev/null && timeout 10 dvs dc create 2 --owner $bob --group $team --mode 0740 >/dev/null || fail "dc create"
may $bob -n 0 run 2 20 -- sh -c 'echo word of bob; exec sleep 300'
may $carol -n 1 logs 2 20
grep -q 'word of bob' "$tmp/out" || fail "a member of the group reads no log"
[[ $(rows $carol 1 2) == "20@0" ]] || fail "a member sees $(rows $carol 1 2)"
may_not $carol -n 0 kill 2 20
may_not $carol -n 1 migrate 2 20 1
end

begin "a stranger is refused each verb, on the node and from the other one, and nothing of it is left"
server=$(lpid 1 10) sleeper=$(lpid 1 11)
fds="$(daemon_fds 0) $(daemon_fds 1)"
for n in 0 1; do
	may_not $bob -n $n run 1 30 -- sleep 300
	may_not $bob -n $n run --unbound 1 -- sleep 300
	may_not $bob -n $n kill 1 10
	may_not $bob -n $n stop 1 11
	may_not $bob -n $n migrate 1 10 1
	may_not $bob -n $n migrate 1 11 0
	may_not $bob -n $n logs 1 11
	may_not $bob -n $n ps 1
	may_not $bob -n $n ps --proc 1
	may_not $bob -n $n dc create 3
	may_not $bob -n $n dc rm 2 --force
	may_not $bob -n $n dc rm 1 --force
	may_not $bob -n $n drain 1
	may_not $bob -n $n restart
	for all in "" --all; do
		shown=$(as $bob dvs -n $n ps $all --json | python3 -c 'import json,sys
print(*sorted({r["dcid"] for r in json.load(sys.stdin)}))' 2>&1)
		[[ $shown == 2 ]] || fail "dvs ps $all shows containers $shown"
	done
	refused=$(timeout 20 dvs lab exec $n -- setpriv --reuid $bob --regid $bob --clear-groups env LD_LIBRARY_PATH="$tmp" "$tmp/unbidden" bind 1 50) ||
		fail "a bind in a container of another user"
	((refused == 50)) || fail "only $refused binds were tried"
done
[[ "$(lpid 1 10) $(lpid 1 11)" == "$server $sleeper" ]] || fail "the processes are others now"
timeout 10 dvs dc list --json | grep -q '"dcid": 3' && fail "container 3 is there"
until_true 3 eval '[[ "$(daemon_fds 0) $(daemon_fds 1)" == "$fds" ]]' || fail "descriptors: $fds, then $(daemon_fds 0) $(daemon_fds 1)"
[[ $(pgrep -U $bob | wc -l) == 1 ]] || fail "processes of bob: $(pgrep -lU $bob)"
end

# Requests that no tool of ours sends: words of ctl.h by hand.
cat >"$tmp/forge.py" <<'P'
import os, re, socket, struct, sys
header = open(sys.argv[1]).read()
magic = int(re.search(r'CTL_MAGIC\s+0x(\w+?)u?\s', header)[1], 16)
version = int(re.search(r'CTL_VERSION\s+(\d+)', header)[1])
call = {m[1]: int(m[2]) for m in re.finditer(r'CTL_(\w+)\s*=\s*(\d+)', header)}

def ask(path, name, node=-1, dcid=1, endpoint=10, cmd=0, payload=b"", ancillary=()):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(5)
    s.connect(path)
    head = struct.pack("<IHHiiiiiiiIiiqQQq16sII", magic, version, call[name], node, 0, dcid, endpoint, 0, 1, cmd,
                       0, 0, 0, -1, 0, 0, 0, b"", len(payload), 0)
    assert len(head) == 104
    s.sendmsg([head + payload], list(ancillary))
    while True:
        packet = s.recv(1 << 18)
        if not packet:
            return "gone"
        _, kind, _, value, error = struct.unpack_from("<IHHqi", packet)
        if kind == 3:
            return error

privileges, badcall = -335, None
path = sys.argv[2]
strings = b"sleep\0" + b"300\0" + b"PATH=/usr/bin:/bin\0" + b"/\0"
# argc, envc, and the ids of root, which are the daemon's to fill in.
run = struct.pack("<IIIIII", 2, 1, 0, 0, 0o22, 0) + strings
if sys.argv[3:] == ["run"]:
    print("run", ask(path, "RUN", endpoint=12, payload=run))
    sys.exit()
root = [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack("iii", os.getpid(), 0, 0))]
wrong = []
for node in -1, 0, 1:
    for name in "RUN", "SIGNAL", "MOVE", "LOGS", "MIGRATE", "UNBIND", "BIND", "PRIV", "WAKEUP", "NOTIFY", "CHANNEL", "PROCINFO", "DCINFO", "PROCTABLE", \
                "DCINIT", "DCEND", "ADDNODE", "DELNODE", "DRAIN", "SHUTDOWN", "RESTART":
        got = ask(path, name, node, payload=run if name == "RUN" else b"")
        if got != privileges:
            wrong.append((name, node, got))
    got = ask(path, "WAITS", node)
    if got == 0 or got == "gone":
        wrong.append(("WAITS", node, got))
try:
    if ask(path, "DCEND", ancillary=root) != privileges:
        wrong.append("says that it is root")
except PermissionError:
    pass # by the kernel
print("wrong", wrong)
P
begin "forged numbers, and root of a user namespace, are the user that they are"
for n in 0 1; do
	answer=$(as $bob python3 "$tmp/forge.py" "$tmp/ctl.h" /run/dvs/lab/node$n.sock 2>&1)
	[[ $answer == "wrong []" ]] || fail "by way of node $n: $answer"
done
if as $bob unshare -Ur true 2>/dev/null; then
	for n in 0 1; do
		answer=$(as $bob unshare -Ur python3 "$tmp/forge.py" "$tmp/ctl.h" /run/dvs/lab/node$n.sock 2>&1)
		[[ $answer == "wrong []" ]] || fail "root of a user namespace, by way of node $n: $answer"
	done
	answer=$(as $alice unshare -Ur python3 "$tmp/forge.py" "$tmp/ctl.h" /run/dvs/lab/node0.sock run 2>&1)
	[[ $answer == "run 0" ]] || fail "alice as root of a user namespace: $answer"
	[[ $(ids "$(lpid 1 12)") == *"Uid: $alice $alice $alice $alice;"*"CapEff: 0000000000000000"* ]] || fail "it runs as $(ids "$(lpid 1 12)")"
	may $alice -n 1 stop 1 12
fi
[[ "$(lpid 1 10) $(lpid 1 11)" == "$server $sleeper" ]] || fail "the processes are others now"
end

begin "a program with the set-user-ID bit has it in a container as well, and is the container's"
cp "$(command -v sleep)" "$tmp/other_sleep" && chown root:root "$tmp/other_sleep" && chmod 4755 "$tmp/other_sleep"
if [[ ! $(findmnt -nT "$tmp" -o OPTIONS) =~ nosuid ]]; then
	may $alice -n 0 run 1 13 -- "$tmp/other_sleep" 300
	until_true 3 eval '[[ $(ids "$(lpid 1 13)") == *"Uid: $alice 0 0 0;"* ]]' || fail "it runs as $(ids "$(lpid 1 13)")"
	may_not $bob -n 0 kill 1 13
	may $alice -n 0 stop 1 13
fi
end

begin "the server of the order has no capability and a filter, and hears no other user"
server=dvs-sequencer order=/run/dvs/lab/group.sock
# On Corosync each node has a deputy of its own.
[[ ${DVS_LAB_GROUP:-} != corosync ]] || server=dvs-corosync order=/run/dvs/lab/group.sock.0
is_confined "$(pgrep -xn $server)"
cat >"$tmp/order.py" <<'P'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.settimeout(float(sys.argv[2]))
try:
    s.connect(sys.argv[1])
    print("answered" if s.recv(64) else "closed")
except PermissionError:
    print("no right")
except ConnectionResetError:
    print("closed")
except TimeoutError:
    print("heard")
P
mode=$(stat -c %a $order)
[[ $(python3 "$tmp/order.py" $order 0.3) == heard ]] || fail "root is not heard"
[[ $(as $alice python3 "$tmp/order.py" $order 5) == "no right" ]] || fail "its socket has mode $mode"
chmod 666 $order # it looks at the user as well
[[ $(as $alice python3 "$tmp/order.py" $order 5) == closed ]] || fail "a user is heard"
chmod "$mode" $order
timeout 10 dvs -n 0 nodes >/dev/null || fail "$(timeout 10 dvs -n 0 nodes 2>&1)"
end

begin "the daemon has the capabilities of its table, its thread for strangers none and a filter; what it starts has its user's"
caps() { awk '/^CapEff/ { print $2 }' "$1"; }
daemon=$(daemon_pid 0)
((0x$(caps "/proc/$daemon/status") & (1 << 16 | 1 << 17 | 1 << 22 | 1 << 27))) && fail "the daemon has $(caps "/proc/$daemon/status")"
confined=0
for task in /proc/"$daemon"/task/*; do
	if grep -q '^Seccomp:[[:space:]]*2' "$task/status"; then
		confined=$((confined + 1))
		[[ $(caps "$task/status") == 0000000000000000 ]] || fail "a filtered thread has $(caps "$task/status")"
	fi
done
((confined == 1)) || fail "$confined threads of the daemon have a filter"
timeout 10 dvs -n 0 run 0 40 -- sleep 300 >/dev/null || fail "root's program"
[[ $(caps "/proc/$(lpid 0 40)/status") == "$(caps /proc/self/status)" ]] || fail "root's program has $(caps "/proc/$(lpid 0 40)/status")"
grep -q '^Seccomp:[[:space:]]*0' "/proc/$(lpid 0 40)/status" || fail "root's program has a filter"
grep -qs 'more rights than it needs' /run/dvs/lab/node*.log && fail "$(grep -hs 'more rights than it needs' /run/dvs/lab/node*.log | head -1)"
end

begin "a restart forgets no owner"
timeout 20 dvs -n 0 restart >/dev/null 2>"$tmp/err" || fail "restart: $(<"$tmp/err")"
may_not $bob -n 0 kill 1 10
may_not $bob -n 0 logs 1 11
may $alice -n 0 migrate 1 10 1
may $carol -n 0 logs 2 20
may $alice -n 0 stop 1 10
may $alice -n 0 stop 1 11
none $alice || fail "left of alice: $(pgrep -lU $alice)"
end
finish
