# SPDX-License-Identifier: Apache-2.0
# Shared by the scenarios; sourced, not run. A scenario names what it checks with ok and not_ok, one line
# each, and ends with `finish`.
set -u
build=${DVS_BUILD:-$PWD/build}
export PATH="$build/bin:$PATH"
unset DVS_NODE
limit=${DVS_LIMIT:-240} # seconds: of the scenario, and so of what runs beside all of it
tmp=$(mktemp -d)
failed=0
trap 'dvs lab down >/dev/null 2>&1; rm -rf "$tmp"' EXIT
trap 'exit 1' TERM INT

ok() { echo "ok - $*"; }
not_ok() { # NAME WHY...
	echo "not ok - $1: ${*:2}"
	failed=1
}
# The daemons say when something waits with the lock of the node held (os/lock.h), and, asked with DVS_FAULT=keep-check, when
# the state that they leave to a next daemon is not the node's (node/restart/keeping.c).
no_daemon_complains() {
	local found
	found=$(grep -hs -e 'with the lock held' -e 'the state that is left' /run/dvs/lab/node*.log | head -n 3) || return 0
	[[ ! $found ]] || not_ok "no daemon finds a fault of its own" "$found"
}
finish() {
	no_daemon_complains
	exit $failed
}

# Says ok for a name if everything since `begin` went well.
begin() { name=$1 failures=0; }
fail() {
	not_ok "$name" "$*"
	failures=$((failures + 1))
	return 1
}
end() { ((failures)) || ok "$name"; }

# The seconds, rounded up, after which the failure detector of the lab's engine says that a node is dead. `local` sees a
# closed connection. Corosync waits for its token, then for the consensus of the others: both numbers are asked of it.
detector=0
detector_of_corosync() {
	local key sum=0 value
	for key in token consensus; do
		value=$(timeout 10 dvs lab exec 0 -- corosync-cmapctl -g runtime.config.totem.$key 2>&1)
		[[ $value =~ =\ ([0-9]+)$ ]] || fail "no $key of Corosync: $value" || return
		((sum += BASH_REMATCH[1]))
	done
	detector=$(((sum + 999) / 1000))
}

# A server beside the daemons: it has given up what it does not need.
is_confined() { # PID
	local has
	has=$(awk '/^(CapPrm|CapEff|NoNewPrivs|Seccomp):/ { print $2 }' "/proc/$1/status" | tr '\n' ' ')
	[[ $has == "0000000000000000 0000000000000000 1 2 " ]] || fail "process $1 has capabilities, new privileges, filter: $has"
}

# A fresh lab; without one nothing that follows makes sense.
lab() { # NODES OPTION...
	nodes=$1
	no_daemon_complains
	timeout 30 dvs lab down >/dev/null 2>"$tmp/err" &&
		timeout 30 dvs lab up --nodes "$1" --group "${DVS_LAB_GROUP:-local}" "${@:2}" >/dev/null 2>"$tmp/err" || {
		not_ok "lab of $1 nodes" "$(<"$tmp/err")"
		exit 1
	}
	[[ ${DVS_LAB_GROUP:-local} != corosync ]] || name=lab failures=0 detector_of_corosync
}

# What node A sends on its connections to node B is lost, and the group reaches both.
cut_one_way() { # A B
	timeout 10 dvs lab exec "$1" -- nft -f - <<-N || fail "nft"
		table inet cut$2 {
			chain out { type filter hook output priority 0; ip daddr 10.77.0.$(($2 + 1)) ip protocol tcp drop; }
		}
	N
}
heal_one_way() { timeout 10 dvs lab exec "$1" -- nft delete table inet "cut$2" || fail "nft"; }

# The connections between two nodes are cut while the group reaches both. `dvs lab cut` does that where the group is
# beside the network; with Corosync it would also put one of the two machines out.
cut_links() { # A B
	if [[ ${DVS_LAB_GROUP:-local} == local ]]; then
		timeout 10 dvs lab cut "$1" "$2" >/dev/null || fail "lab cut"
	else
		cut_one_way "$1" "$2" && cut_one_way "$2" "$1"
	fi
}
heal_links() { # A B
	if [[ ${DVS_LAB_GROUP:-local} == local ]]; then
		timeout 10 dvs lab heal "$1" "$2" >/dev/null || fail "lab heal"
	else
		heal_one_way "$1" "$2" && heal_one_way "$2" "$1"
	fi
}

# Container 0 as the contract has it: the user range may only call.
classic() {
	timeout 10 dvs dc rm 0 >/dev/null 2>"$tmp/err" && timeout 10 dvs dc create 0 --classic >/dev/null 2>"$tmp/err" && return
	not_ok "a classic container 0" "$(<"$tmp/err")"
	exit 1
}

server() { # NODE EP KB
	timeout 10 dvs -n "$1" run 0 "$2" -- migr_server 0 "$2" "$3" >"$tmp/started" 2>&1 ||
		fail "server $2 on node $1: $(<"$tmp/started")"
}

# CALLS: a number, or `on`: it calls until client_ok ends it, for scenarios that move or break something under its calls,
# however long that takes. No client has a time of its own, but that of the scenario.
declare -A client_pid client_calls
client() { # NODE EP SERVER_EP CALLS DELAY [MAXBUF]
	timeout "${client_limit:-$limit}" dvs lab exec "$1" -- migr_client 0 "$2" "$3" "${6:-4096}" "${4/on/100000000}" "$5" \
		>"$tmp/client.$2" 2>&1 &
	client_pid[$2]=$!
	client_calls[$2]=$4
}

# Waits for a client; every call must have been answered once, in order, undamaged. One that calls on has to be answered
# once more before it is told to end: a call that hangs is none that was broken off.
client_ok() { # EP...
	local ep last calls
	for ep; do
		calls=${client_calls[$ep]}
		if [[ $calls == on ]]; then
			calls='[1-9]*([0-9])'
			until_true 30 has_called "$ep" $(($(calls_of "$ep") + 1)) || fail "client $ep does not call"
			kill -TERM "${client_pid[$ep]}"
		fi
		wait "${client_pid[$ep]}"
		last=$(tail -n 1 "$tmp/client.$ep")
		[[ $last == "calls="$calls" failed=0 lost=0 duplicated=0 reordered=0 corrupted=0 "* ]] ||
			fail "client $ep: $last"
	done
}

ended() { ! kill -0 "$1" 2>/dev/null; }

# A client that calls for ever must still be called back: either it goes on, or, its server gone, it has
# been told so often enough to give up by itself. Ends it.
client_is_told() { # EP SERVER_EP
	local before pid=${client_pid[$1]}
	if [[ $(rows_of "$2") == "[]" ]]; then
		until_true 15 ended "$pid" || fail "client $1 was not told that its server is gone"
	else
		before=$(calls_of "$1")
		until_true 15 has_called "$1" "$before" || fail "client $1 hangs: $(tail -n 1 "$tmp/client.$1")"
	fi
	kill -TERM "$pid" 2>/dev/null
	until_true 10 ended "$pid" || fail "client $1 does not end"
	kill -KILL "$pid" 2>/dev/null
	wait "$pid"
}
# The messages that an endpoint has sent.
calls_of() { # EP
	rows_of "$1" | python3 -c 'import json,sys
print(sum(r["lclsent"] + r["rmtsent"] for r in json.load(sys.stdin)))' 2>/dev/null || echo 0
}
has_called() { (($(calls_of "$1") > $2)); } # EP COUNT
# Each of these clients is bound, and calls. What is done next is done under its calls; it has to have enough of them left.
calling() { # EP...
	local ep
	for ep; do
		until_true 30 has_called "$ep" "$(calls_of "$ep")" || fail "client $ep does not call: $(tail -n 1 "$tmp/client.$ep")"
	done
}

# Waits until a daemon stands at a fault point (node/state/fault.h), as it says in its log: for the COUNTth time since the
# lab was made.
stands_at() { (($(cat /run/dvs/lab/node*.log | grep -c "fault point $1\b") >= $2)); }
at_fault() { until_true 10 stands_at "$1" "${2:-1}" || fail "no daemon comes to the fault point $1"; } # NAME [COUNT]

until_true() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.05
	done
}

# One field of the object or of the first row on standard input.
field() { python3 -c 'import json,sys
d=json.load(sys.stdin); d=d[0] if isinstance(d,list) else d
print(d[sys.argv[1]])' "$1" 2>/dev/null; }

# Rows of one endpoint in `dvs ps`, as a list.
rows_of() { # EP
	timeout 10 dvs ps 0 --json | python3 -c 'import json,sys
print(json.dumps([r for r in json.load(sys.stdin) if r["p_nr"]==int(sys.argv[1])]))' "$1"
}
owner() { rows_of "$1" | field node; }
# Its process. The node that it has just come to may say a moment later than the one asked that it is there: -1 until then.
lpid_of() { # EP
	local lpid= look
	for ((look = 0; look < 100; look++)); do
		lpid=$(rows_of "$1" | field lpid)
		[[ $lpid == -1 ]] || break
		sleep 0.05
	done
	echo "$lpid"
}

# Moves, and says what came of it in $moved (JSON) and $result.
move() { # EP NODE
	moved=$(timeout 20 dvs migrate 0 "$1" "$2" --json 2>"$tmp/err")
	result=$(field result <<<"$moved")
	[[ $result == committed ]] || fail "endpoint $1 to node $2: ${result:-no answer}: $(<"$tmp/err")"
}

# Every node's table agrees: these endpoints and no others, each at its node, nothing of a move left.
check_tables() { # EP=NODE...
	until_true 10 tables_agree "$@" || fail "tables: $(<"$tmp/tables")"
}
tables_agree() {
	timeout 10 python3 - "$nodes" "$@" >"$tmp/tables" 2>&1 <<-'P'
		import json, subprocess, sys
		want = dict(map(int, a.split("=")) for a in sys.argv[2:])
		status = json.loads(subprocess.check_output(["dvs", "lab", "status", "--json"]))
		for node in (n["node"] for n in status["nodes"] if n["up"]):
		    rows = json.loads(subprocess.check_output(["dvs", "-n", str(node), "ps", "--proc", "0", "--json"]))
		    have = {r["p_nr"]: r["node"] for r in rows}
		    if have != want:
		        sys.exit(f"node {node} has endpoints at nodes {have}, not {want}")
		    for r in rows:
		        where = f"endpoint {r['p_nr']} in the table of node {node}"
		        if r["flags"] & 0xa800 or r["misc"] & 8 or r["waitmigr"] != 27342:
		            sys.exit(f"{where}: flags {r['flags']:x} misc {r['misc']:x} waitmigr {r['waitmigr']}")
		        if bool(r["flags"] & 0x1000) == (r["node"] == node):
		            sys.exit(f"{where}: REMOTE is wrong, flags {r['flags']:x}")
	P
}

# A node of which another one knows that it is dead.
dead_to() { # NODE DEAD
	timeout 10 dvs -n "$1" nodes 2>&1 | grep -q "node $2 is not up"
}
await_death() { # NODE DEAD: within the time of the failure detector, and a second for everything else
	until_true $((1 + detector)) dead_to "$1" "$2" || fail "node $1 does not know that node $2 is dead: $(timeout 10 dvs -n "$1" nodes 2>&1)"
}

# What puts commands in order stands still, and goes on.
orderers() {
	if [[ ${DVS_LAB_GROUP:-local} == local ]]; then
		timeout 10 dvs lab status --json | field sequencer
	else
		pgrep -x dvs-corosync
	fi
}
silence_group() { silent_orderers=$(orderers) && kill -STOP $silent_orderers; }
end_silence() { kill -CONT $silent_orderers; }

# The processes of this name, each in the network namespace of a node: "NODE NODE ...", sorted.
nodes_of() { # COMM
	python3 - "$1" <<-'P'
		import json, os, subprocess, sys
		status = json.loads(subprocess.check_output(["dvs", "lab", "status", "--json"]))
		node = {n["netns"]: n["node"] for n in status["nodes"]}
		found = []
		for pid in filter(str.isdigit, os.listdir("/proc")):
		    try:
		        fields = open(f"/proc/{pid}/stat").read()
		        name, state = fields[fields.index("(") + 1:fields.rindex(")")], fields[fields.rindex(")") + 2]
		        if name == sys.argv[1] and state != "Z":
		            at = os.stat(f"/proc/{pid}/ns/net").st_ino
		            found += [node[at]] if at in node else [] # elsewhere: not of this lab
		    except OSError:
		        pass
		print(*sorted(found, key=str))
	P
}

# No process is left anywhere but at the owner's node.
check_processes() { # COMM NODE...
	local have want="${*:2}"
	are_there() {
		have=$(nodes_of "$1")
		[[ $have == "$want" ]]
	}
	until_true 10 are_there "$1" || fail "processes $1 on nodes '$have', not '$want'"
}

# The keeper of a node, with which all of the node ends, and the daemon, its child.
keeper_pid() { # NODE
	timeout 10 dvs lab status --json | python3 -c 'import json,sys
print(*[n["pid"] for n in json.load(sys.stdin)["nodes"] if n["node"]==int(sys.argv[1])])' "$1"
}
daemon_below() { pgrep -P "$1" -x dvsd; } # KEEPER
daemon_pid() { daemon_below "$(keeper_pid "$1")"; } # NODE
daemon_fds() { ls "/proc/$(daemon_pid "$1")/fd" | wc -l; }
daemon_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$(daemon_pid "$1")/status"; }
