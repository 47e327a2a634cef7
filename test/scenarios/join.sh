#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# A cluster of machines by dvs init, dvs invite, dvs join and dvs leave: two namespaces, each with files, /run and a
# Corosync of its own. A token is of use once, in its time, for a name that is free; then calls and a move cross the
# cable, and the second machine leaves.
. "$(dirname "$0")/lib.bash"
command -v corosync >/dev/null && [[ -x $build/bin/dvs-corosync ]] || { echo 'skip - Corosync is not here'; exit 77; }
declare -A init_pid
machines=()
trap 'kill -KILL "${machines[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf --one-file-system "$tmp"' EXIT

# Its services are started by hand; the one word of a manager that dvs leave says is taken here.
mkdir "$tmp/bin"
cat >"$tmp/bin/systemctl" <<'S'
#!/bin/sh
for service; do
	[ -f "/run/$service.pid" ] && kill "$(cat "/run/$service.pid")" && echo "$service" >>/run/stopped
done
exit 0
S
chmod 755 "$tmp/bin/systemctl"

machine() { # NAME ADDRESS
	cp -a /etc "$tmp/$1.etc" && rm -rf "$tmp/$1.etc"/{dvs,corosync} && mkdir -p "$tmp/$1.etc"/{dvs,corosync}
	# shellcheck disable=SC2016 # for the shell that is started
	unshare --mount --net --pid --uts --ipc --fork --kill-child --mount-proc --propagation private bash -c '
		mount --bind "$1.etc" /etc
		for folder in /run /dev/shm /var/lib/corosync; do mount -t tmpfs tmpfs $folder; done
		mkdir /run/dvs; hostname "$2"; ip link set lo up; touch /run/ready
		exec sleep infinity' machine "$tmp/$1" "$1" & machines+=($!)
	until init_pid[$1]=$(pgrep --parent "${machines[-1]}") && [[ -e /proc/${init_pid[$1]}/root/run/ready ]]; do sleep 0.02; done
}
on() { # NAME COMMAND...
	nsenter --target "${init_pid[$1]}" --mount --net --pid --uts --ipc env PATH="$tmp/bin:$PATH" "${@:2}"
}
cable() {
	ip link add cable type veth peer name eth0 netns "${init_pid[beta]}" &&
		ip link set cable netns "${init_pid[alpha]}" name eth0 &&
		on alpha ip address add 10.77.0.1/24 dev eth0 && on beta ip address add 10.77.0.2/24 dev eth0 &&
		on alpha ip link set eth0 up && on beta ip link set eth0 up
}
start() { # NAME: what `systemctl restart corosync` and `systemctl enable --now dvs-corosync dvsd` do
	# shellcheck disable=SC2016
	on "$1" bash -c '
		service() { name=$1; shift; "$@" >"/run/$name.log" 2>&1 & echo $! >"/run/$name.pid"; }
		service corosync corosync -f
		service dvs-corosync dvs-corosync --socket /run/dvs/order.sock
		until [ -S /run/dvs/order.sock ]; do sleep 0.05; done
		service dvsd dvsd --config /etc/dvs/dvs.conf'
}
invite() { # [--time SECONDS]: waits for the token
	on alpha dvs invite "$@" >"$tmp/invited" 2>"$tmp/invite.err" & invite_pid=$!
	until_true 10 grep -q -e '--token' "$tmp/invited" || fail "no invitation: $(<"$tmp/invite.err")"
	token=$(sed -n 's/.*--token //p' "$tmp/invited")
}
invite_ends() { # STATUS
	wait "$invite_pid"
	local status=$?
	[[ $status == "$1" ]] || fail "dvs invite ended with $status: $(<"$tmp/invite.err")"
}
join_is_refused() { # WORDS ARGUMENT...
	timeout 20 nsenter --target "${init_pid[beta]}" --mount --net --pid --uts --ipc dvs join 10.77.0.1 "${@:2}" >"$tmp/out" 2>&1 &&
		fail "it joins: $(<"$tmp/out")"
	grep -q -e "$1" "$tmp/out" || fail "not \"$1\": $(<"$tmp/out")"
	[[ -z $(on beta ls /etc/dvs /etc/corosync | grep -v :) ]] || fail "files are left: $(on beta ls /etc/dvs /etc/corosync)"
}
is_well() { on alpha dvs nodes >"$tmp/out" 2>&1; }
both_are_well() { is_well && on beta dvs nodes >"$tmp/out" 2>&1 && grep -q 'beta .*up.*10.77.0.2' "$tmp/out"; }

machine alpha && machine beta && cable || { not_ok "two machines"; exit 1; }

begin "dvs init makes the first machine a node, once"
on alpha dvs init >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
[[ $(on alpha stat -c '%a %U' /etc/dvs/key /etc/corosync/authkey | sort -u) == '600 root' ]] || fail "$(on alpha ls -l /etc/dvs)"
on alpha dvsd --config /etc/dvs/dvs.conf --check >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
on alpha dvs init >"$tmp/out" 2>&1 && fail "twice"
grep -q 'set up as a node already' "$tmp/out" || fail "$(<"$tmp/out")"
start alpha
until_true 20 is_well || fail "$(<"$tmp/out") $(on alpha tail -n 3 /run/dvsd.log /run/corosync.log)"
end

begin "a wrong token, a name that is taken, a token twice, a token too late: each is refused and leaves nothing"
invite
# Three callers that say nothing are in no newcomer's way.
# shellcheck disable=SC2016
on beta bash -c 'for fd in 7 8 9; do eval "exec $fd<>/dev/tcp/10.77.0.1/7701" || exit 1; done; touch /run/silent; exec sleep infinity' & silent=$!
until_true 10 on beta test -e /run/silent || fail "nobody is silent"
join_is_refused 'the tokens of both sides are not the same' --token "${token%?????}00000"
join_is_refused 'has a node alpha already' --token "$token" --name alpha
on beta dvs join 10.77.0.1 --token "$token" >"$tmp/joined" 2>&1 || fail "$(<"$tmp/joined")"
invite_ends 0
kill "$silent"
on beta bash -c 'mkdir /run/aside; mv /etc/dvs/* /run/aside; mkdir /run/aside/corosync; mv /etc/corosync/* /run/aside/corosync'
join_is_refused 'nobody invites at 10.77.0.1' --token "$token"
on beta bash -c 'mv /run/aside/corosync/* /etc/corosync; rmdir /run/aside/corosync; mv /run/aside/* /etc/dvs'
end

begin "the second machine has key, list and settings, and the first one knows it"
grep -q 'this machine is node 1, beta, at 10.77.0.2' "$tmp/joined" || fail "$(<"$tmp/joined")"
for file in dvs/key dvs/cluster corosync/authkey corosync/corosync.conf; do
	cmp "$tmp/alpha.etc/$file" "$tmp/beta.etc/$file" || fail "$file is another"
done
start beta
until_true 20 both_are_well || fail "$(<"$tmp/out") $(on beta tail -n 3 /run/dvsd.log /run/dvs-corosync.log)"
end

begin "an invitation ends with its time"
invite --time 1
invite_ends 1
grep -q 'nobody has joined in time' "$tmp/invite.err" || fail "$(<"$tmp/invite.err")"
end

begin "dvs leave moves a server away under calls, and the first machine goes on alone"
on alpha dvs dc create 0 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
on beta dvs run 0 10 -- migr_server 0 10 64 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
timeout 60 nsenter --target "${init_pid[alpha]}" --mount --net --pid --uts --ipc dvs run 0 11 --wait -- \
	migr_client 0 11 10 4096 400 0.01 >"$tmp/calls" 2>&1 & client=$!
sleep 0.5
timeout 30 nsenter --target "${init_pid[beta]}" --mount --net --pid --uts --ipc env PATH="$tmp/bin:$PATH" dvs leave >"$tmp/out" 2>&1 ||
	fail "$(<"$tmp/out")"
grep -q 'this machine is not node 1 (beta) any more' "$tmp/out" || fail "$(<"$tmp/out")"
[[ $(on beta sort -u /run/stopped | tr '\n' ' ') == 'corosync dvs-corosync dvsd ' ]] || fail "services: $(on beta cat /run/stopped)"
[[ -z $(on beta ls /etc/corosync; on beta ls /etc/dvs | grep -v 'dvs.conf') ]] || fail "files are left: $(on beta ls /etc/dvs /etc/corosync)"
on alpha dvs leave beta >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
wait $client
grep -q 'calls=400 failed=0 lost=0 duplicated=0 reordered=0 corrupted=0' "$tmp/calls" || fail "$(tail -n 1 "$tmp/calls")"
until_true 20 is_well || fail "$(<"$tmp/out")"
grep -q beta "$tmp/out" && fail "$(<"$tmp/out")"
on alpha dvs dc create 1 >"$tmp/out" 2>&1 || fail "alone: $(<"$tmp/out")"
end

joins() { # beta, and its services start
	invite
	on beta dvs join 10.77.0.1 --token "$token" >"$tmp/joined" 2>&1 || fail "$(<"$tmp/joined")"
	invite_ends 0
	grep -q 'this machine is node 1, beta' "$tmp/joined" || fail "$(<"$tmp/joined")"
	on beta rm -f /run/dvs/order.sock
	start beta
	until_true 20 both_are_well || fail "$(<"$tmp/out") $(on beta tail -n 3 /run/dvsd.log /run/dvs-corosync.log)"
}
has_no_quorum() { on alpha dvs nodes 2>/dev/null | grep -q 'quorum: no'; }

begin "a machine that crashed is taken off the list, and another one in its place gets its name and number"
joins
on alpha dvs run 0 12 -n 1 -- migr_server 0 12 64 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
on alpha dvs leave beta >"$tmp/out" 2>&1 && fail "it leaves although it is up"
grep -q 'is up: run `dvs leave` there' "$tmp/out" || fail "$(<"$tmp/out")"
on beta bash -c 'kill -KILL -1'
until_true 30 has_no_quorum || fail "$(on alpha dvs nodes 2>&1)"
on alpha dvs leave beta >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
grep -q 'node 1 (beta) is off the list' "$tmp/out" || fail "$(<"$tmp/out")"
until_true 20 is_well || fail "$(<"$tmp/out")"
grep -q beta "$tmp/out" && fail "$(<"$tmp/out")"
on alpha dvs ps 0 --json | grep -q '"p_nr": *12\b' && fail "its server is there: $(on alpha dvs ps 0)"
on beta bash -c 'rm -f /etc/dvs/* /etc/corosync/*; rm -rf /var/lib/corosync/*'
joins
on alpha dvs run 0 12 -n 1 -- migr_server 0 12 64 >"$tmp/out" 2>&1 || fail "$(<"$tmp/out")"
end
exit $failed
