/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/labcorosync.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/labnet.h"
#include "ctl/labnode.h"
#include "ctl/verb.h"
#include "os/child.h"
#include "os/file.h"
#include "os/options.h"
#include "os/self.h"
#include "os/socket.h"

#define CONF	 LAB_FOLDER "/corosync.conf"
#define KEY	 LAB_FOLDER "/corosync.key"
#define CONF_MAX 8192

/*
 * A token of 1 s, which was Corosync's default before its third version. Real-time scheduling is not for a lab. After a
 * message the token goes round as fast as it can, 30 times by default, and takes CPUs from the nodes, which share them
 * here: after 3 rounds it rests.
 */
static const char head[] = "totem {\n  version: 2\n  cluster_name: dvs-lab\n  transport: knet\n"
			   "  crypto_cipher: aes256\n  crypto_hash: sha256\n"
			   "  keyfile: /run/corosync.key\n  token: 1000\n"
			   "  seqno_unchanged_const: 3\n}\n"
			   "system {\n  state_dir: /run/state\n  sched_rr: no\n"
			   "  move_to_root_cgroup: no\n}\n"
			   "logging {\n  to_stderr: yes\n  to_syslog: no\n  to_logfile: no\n"
			   "  timestamp: hires\n}\n"
			   "quorum {\n  provider: corosync_votequorum\n}\nnodelist {\n";

/*
 * The namespace has a /run of its own: Corosync lets nobody else have its lock in there. /dev/shm is the machine's,
 * because Corosync's tools, which are to work in `dvs lab exec`, share memory with it there.
 */
static const char script[] =
	"umask 077; exec 3<" CONF " 4<" KEY "; mount -t tmpfs none /run || exit; mkdir /run/state\n"
	"cat <&3 >/run/corosync.conf; cat <&4 >/run/corosync.key; exec 3<&- 4<&-\n"
	"while :; do corosync -f -c /run/corosync.conf & wait $!\n"
	"rm -rf /dev/shm/qb-$!-* /dev/shm/qb-corosync-$!-*; sleep 1; done";

/* PROGRAM SOCKET FD: the first one says there that it is ready. */
static const char again[] = "ready=\"--ready-fd $3\"\n"
			    "while :; do \"$1\" --socket \"$2\" $ready; ready=; sleep 0.2; done";

static int write_conf(const struct lab *lab, unsigned nodes, struct refusal *refusal)
{
	char text[CONF_MAX], address[ADDRESS_TEXT];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s", head);
	int r;

	assert(nodes && !(nodes >> LAB_NODES_MAX));
	for (int id = 0; id < LAB_NODES_MAX && len < sizeof(text); id++) {
		if (!(nodes >> id & 1))
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"  node {\n    nodeid: %d\n    name: node%d\n"
					"    ring0_addr: %s\n  }\n",
					id + 1, id, labnet_address(lab, id, address));
	}
	if (len < sizeof(text))
		len += (size_t)snprintf(text + len, sizeof(text) - len, "}\n");
	r = len < sizeof(text) ? os_file_write(CONF, text) : -EFBIG;
	if (r < 0)
		return refusal_set(refusal, EDVSIO, "cannot write " CONF ": %s", strerror(-r));
	return 0;
}

int labcorosync_prepare(const struct lab *lab, unsigned nodes, struct refusal *refusal)
{
	char *find[] = { "sh", "-c", "command -v corosync unshare", NULL };
	char *key[] = { "sh", "-c", "umask 077; head -c 256 /dev/urandom >" KEY, NULL };
	char path[512], output[160];

	if (os_child_run(find, 0, NULL, output, sizeof(output)))
		return refusal_set(refusal, EDVSNOENT,
				   "Corosync is not installed: `apt install corosync`, or use "
				   "--group local");
	if (os_self_beside("dvs-corosync", path, sizeof(path)) < 0)
		return refusal_set(
			refusal, EDVSNOSYS,
			"the group engine corosync is not built in, because libcpg-dev, "
			"libquorum-dev and libvotequorum-dev were not there: use --group "
			"local");
	if (os_child_run(key, 0, NULL, output, sizeof(output)))
		return refusal_set(refusal, EDVSIO, "cannot write " KEY ": %.100s", output);
	return write_conf(lab, nodes, refusal);
}

int labcorosync_start(const struct lab *lab, int id, struct refusal *refusal)
{
	char dvs[] = "dvs", what[] = LAB_COROSYNC_ARGUMENT, path[64], log[64], ready[12] = "";
	char *corosync_argv[] = { dvs, what, ready, NULL };
	char *argv[] = { dvs, what, ready, path, NULL };
	int r;

	assert(lab->corosync && lab->node[id].task.pid);
	snprintf(path, sizeof(path), LABCOROSYNC_SOCKET, id);
	snprintf(log, sizeof(log), LAB_FOLDER "/corosync%d.log", id);
	r = labnode_start_in(lab->node[id].task.pid, "Corosync", corosync_argv, ready, log,
			     refusal);
	return r ? r
		 : labnode_start_in(lab->node[id].task.pid, "dvs-corosync", argv, ready, log,
				    refusal);
}

void labcorosync_forget(pid_t pid)
{
	static const char *const names[] = { "/dev/shm/qb-%d-*", "/dev/shm/qb-corosync-%d-*" };
	char pattern[64];

	assert(pid > 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(pattern, sizeof(pattern), names[i], pid);
		(void)os_files_remove(
			pattern); /* memory that the machine lacks, and no reason to stop */
	}
}

static int become(char **argv)
{
	fprintf(stderr, "dvs: cannot run %s: %s\n", argv[0], strerror(-os_self_become(argv)));
	return REFUSED;
}

int lab_corosync_main(int argc, char **argv)
{
	char deputy[512], *ready = argc > 2 ? argv[2] : NULL, *socket = argc > 3 ? argv[3] : NULL;
	char *corosync_argv[] = {
		"unshare", "--mount", "sh", "-c", (char *)(uintptr_t)script, NULL
	};
	char *deputy_argv[] = { "sh",		"-c",	(char *)(uintptr_t)again,
				"dvs-corosync", deputy, socket,
				ready,		NULL };
	int ready_fd;

	if (argc < 3 || argc > 4 || !options_number(ready, 3, 1 << 20, &ready_fd) ||
	    os_self_beside("dvs-corosync", deputy, sizeof(deputy)) < 0) {
		fprintf(stderr, "dvs: " LAB_COROSYNC_ARGUMENT " is for `dvs lab up` alone\n");
		return WRONG_USAGE;
	}
	if (socket)
		return become(deputy_argv);
	os_write_full(ready_fd, "1", 1, 1000);
	os_close(ready_fd);
	return become(corosync_argv);
}
