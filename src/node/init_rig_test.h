/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_INIT_RIG_TEST_H
#define DVS_NODE_INIT_RIG_TEST_H

/*
 * What the tests of the inits stand on. Such a test program is its own init: started with
 * DC_INIT_ARGUMENT it serves, as the daemon does.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"
#include "node/init.h"
#include "os/clock.h"
#include "os/loop.h"
#include "os/pid.h"
#include "os/socket.h"

#define NODE	3
#define WAIT_MS 5000

static char self_path[4096];
static struct dc_init *dc;
static char *no_env[] = { NULL };

struct child {
	int vpid;
	pid_t lpid;
	int pidfd;
};

static struct dc_spawn spawn_of(char *const *argv)
{
	return (struct dc_spawn){
		.argv = argv, .envp = no_env, .cwd = "/", .umask = 022, .fds = { -1, -1, -1 }
	};
}

/* Starts and lets go; the vpid is 0 if that failed. */
static struct child start(const struct dc_spawn *spawn)
{
	struct child c = { .pidfd = -1 };
	struct refusal why = REFUSAL_NONE;
	int r = dc_init_spawn(dc, spawn, &c.vpid, &c.lpid, &c.pidfd, &why);

	CHECK_EQ(r, 0);
	if (!r)
		r = dc_init_go(dc, c.vpid, &why);
	CHECK_EQ(r, 0);
	if (r < 0) {
		printf("%s\n", why.reason);
		c.vpid = 0;
	}
	return c;
}

static int fds_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void setup(void)
{
	CHECK(!dc_init_start(&dc, 7, NODE));
}

/* Ends a process that is not the test itself, with the result of what it ran instead. */
static _Noreturn void end_as(int result)
{
	/* Not exit(): what a sanitizer does there it cannot do in another pid namespace. */
	fflush(stdout);
	_exit(result);
}

/* Before the first test; false: it cannot run here. */
static bool rig_start(void)
{
	if (geteuid() != 0) {
		test_skip("pid namespaces need root");
		return false;
	}
	alarm(60);
	return readlink("/proc/self/exe", self_path, sizeof(self_path) - 1) > 0;
}

#endif
