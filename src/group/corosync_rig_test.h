/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_COROSYNC_RIG_TEST_H
#define DVS_GROUP_COROSYNC_RIG_TEST_H

/*
 * The rig of the corosync engine: a deputy on each of the machines that corosync_world_test.sh has set up. For test
 * programs.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/socket.h"

#define RIG_MACHINES  4
#define RIG_CUTS      3		/* times that a test cuts machines off; 0: none can be */
#define RIG_BLINKS    true	/* its machines do not see a cut, or its end, at the same moment */
#define RIG_SILENT_MS 3000	/* a member that does not give its state is passed over then */
#define RIG_LOST      (-ESTALE) /* a member with another deputy: the others go on */

static char *rig_deputy, *rig_dir;
static pid_t deputies[RIG_MACHINES];

static const char *rig_spec(int node)
{
	static char spec[RIG_MACHINES][128];

	if (node < 0 || node >= RIG_MACHINES)
		node = 0;
	snprintf(spec[node], sizeof(spec[node]), "corosync:%s/%d.sock", rig_dir, node);
	return spec[node];
}

static void deputy_run(int node, int ready)
{
	char netns[32], number[12];
	const char *path = rig_spec(node) + strlen("corosync:");
	int fd;

	snprintf(netns, sizeof(netns), "/run/netns/m%d", node + 1);
	snprintf(number, sizeof(number), "%d", ready);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test is killed */
	fd = open(netns, O_RDONLY);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		_exit(1);
	execl(rig_deputy, rig_deputy, "--socket", path, "--ready-fd", number, NULL);
	_exit(1);
}

static void rig_start(void)
{
	for (int node = 0; node < RIG_MACHINES; node++) {
		int fds[2];
		char c;

		if (pipe(fds) < 0)
			exit(1);
		deputies[node] = fork();
		if (!deputies[node]) {
			close(fds[0]);
			deputy_run(node, fds[1]);
		}
		close(fds[1]);
		CHECK_EQ(os_read_full(fds[0], &c, 1, 3000), 0);
		close(fds[0]);
	}
}

/* Also when it does not run. The members find that the group is lost. */
static void rig_stop(void)
{
	for (int node = 0; node < RIG_MACHINES; node++) {
		if (!deputies[node])
			continue;
		kill(deputies[node], SIGKILL);
		waitpid(deputies[node], NULL, 0);
		deputies[node] = 0;
	}
}

static inline void rig_come_back(void)
{
	rig_start();
}

static void rig_cable(int node, const char *state)
{
	char cable[8];
	int status = -1;
	pid_t pid;

	snprintf(cable, sizeof(cable), "n%d", node + 1);
	pid = fork();
	if (!pid) {
		execlp("ip", "ip", "link", "set", cable, state, NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
}

/* Bit by node: these reach nobody, and all others each other. */
static void rig_cut(uint32_t alone)
{
	for (int node = 0; node < RIG_MACHINES; node++)
		rig_cable(node, alone >> node & 1 ? "down" : "up");
}

/* Before the first test. */
static void rig_init(int argc, char **argv)
{
	if (argc != 3)
		exit(77);
	alarm(110);
	rig_deputy = argv[1];
	rig_dir = argv[2];
}

static int rig_end(void)
{
	return test_end();
}

#endif
