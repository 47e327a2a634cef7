#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a test program on four machines, each a network namespace with a Corosync of its own:
#
#	corosync_world_test.sh dvs-corosync PROGRAM
#
# Skipped (77) without root or Corosync. The fourth machine has no vote, so that two members are a majority.
[ "$(id -u)" = 0 ] && command -v corosync corosync-quorumtool ip unshare > /dev/null || exit 77
if [ -z "$DVS_COROSYNC_WORLD" ]; then
	DVS_COROSYNC_WORLD=1 exec unshare -mn "$0" "$@"
fi
deputy=$1 program=$2
mount --make-rprivate / && mount -t tmpfs none /dev/shm && mount -t tmpfs none /run && mkdir /run/netns || exit 77
dir=$(mktemp -d /tmp/dvs-corosync-XXXXXX) || exit 1
pids=
trap 'kill $pids 2> /dev/null; wait; rm -rf "$dir"' EXIT

head -c 128 /dev/urandom > "$dir/key" && chmod 400 "$dir/key"
ip link add dvs0 type bridge && ip link set dvs0 up || exit 77
for i in 1 2 3 4; do
	ip netns add m$i
	ip link add n$i type veth peer name eth0 netns m$i
	ip link set n$i master dvs0 up
	ip -n m$i link set lo up
	ip -n m$i address add 10.76.0.$i/24 dev eth0
	ip -n m$i link set eth0 up
	mkdir -p "$dir/$i/state" "$dir/$i/run"
	{
		printf 'totem {\n version: 2\n cluster_name: dvs\n transport: knet\n crypto_cipher: aes256\n'
		printf ' crypto_hash: sha256\n keyfile: %s\n token: 1000\n}\n' "$dir/key"
		printf 'system {\n state_dir: %s\n sched_rr: no\n move_to_root_cgroup: no\n}\n' "$dir/$i/state"
		printf 'logging {\n to_stderr: yes\n to_syslog: no\n to_logfile: no\n}\n'
		printf 'quorum {\n provider: corosync_votequorum\n}\nnodelist {\n'
		for k in 1 2 3 4; do
			printf ' node {\n  nodeid: %s\n  name: m%s\n  ring0_addr: 10.76.0.%s\n' $k $k $k
			printf '  quorum_votes: %s\n }\n' $((k < 4))
		done
		printf '}\n'
	} > "$dir/$i/conf"
	# Each has the lock that says that there is one Corosync in a /run of its own.
	unshare -m bash -c 'mount --bind "$1/run" /run/lock 2> /dev/null
		exec 9< "/run/netns/'m$i'"; mount --bind "$1/run" /run
		exec nsenter --net=/proc/self/fd/9 corosync -f -c "$1/conf"' - "$dir/$i" > "$dir/$i/log" 2>&1 &
	pids="$pids $!"
done
for ((look = 0; look < 100; look++)); do
	nsenter --net=/run/netns/m1 corosync-quorumtool -s 2> /dev/null | grep -q '^Nodes: *4' && break
	sleep 0.1
done
if [ $look = 100 ]; then
	echo "the four Corosyncs do not find each other"
	tail -n 5 "$dir"/*/log
	exit 1
fi
"$program" "$deputy" "$dir"
