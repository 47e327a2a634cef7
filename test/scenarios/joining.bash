# SPDX-License-Identifier: Apache-2.0
# Shared by the scenarios about the machines of a cluster; sourced after lib.bash. alpha and beta: two namespaces, each
# with files, /run and a Corosync of its own, and a cable between them. network: addresses of both begin so.
command -v corosync >/dev/null && [[ -x $build/bin/dvs-corosync ]] || { echo 'skip - Corosync is not here'; exit 77; }
declare -A init_pid
network=${network:-10.77.0.} bits=${bits:-24}
[[ $network == *:* ]] && at_once=nodad || at_once=
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
		on alpha ip link set eth0 up && on beta ip link set eth0 up &&
		on alpha ip address add "${network}1/$bits" dev eth0 $at_once && on beta ip address add "${network}2/$bits" dev eth0 $at_once
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
	timeout 20 nsenter --target "${init_pid[beta]}" --mount --net --pid --uts --ipc dvs join "${network}1" "${@:2}" >"$tmp/out" 2>&1 &&
		fail "it joins: $(<"$tmp/out")"
	grep -q -e "$1" "$tmp/out" || fail "not \"$1\": $(<"$tmp/out")"
	[[ -z $(on beta ls /etc/dvs /etc/corosync | grep -v :) ]] || fail "files are left: $(on beta ls /etc/dvs /etc/corosync)"
}
is_well() { on alpha dvs nodes >"$tmp/out" 2>&1; }
both_are_well() { is_well && on beta dvs nodes >"$tmp/out" 2>&1 && grep -q "beta .*up.*${network}2" "$tmp/out"; }

machine alpha && machine beta && cable || { not_ok "two machines"; exit 1; }

joins() { # beta, and its services start
	invite
	on beta dvs join "${network}1" --token "$token" >"$tmp/joined" 2>&1 || fail "$(<"$tmp/joined")"
	invite_ends 0
	grep -q 'this machine is node 1, beta' "$tmp/joined" || fail "$(<"$tmp/joined")"
	on beta rm -f /run/dvs/order.sock
	start beta
	until_true 20 both_are_well || fail "$(<"$tmp/out") $(on beta tail -n 3 /run/dvsd.log /run/dvs-corosync.log)"
}
has_no_quorum() { on alpha dvs nodes 2>/dev/null | grep -q 'quorum: no'; }
