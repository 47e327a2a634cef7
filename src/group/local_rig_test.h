/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_LOCAL_RIG_TEST_H
#define DVS_GROUP_LOCAL_RIG_TEST_H

/* The rig of the local engine: a sequencer in a child process. For test programs. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "group/sequencer.h"
#include "os/loop.h"
#include "os/socket.h"

#define RIG_CUTS 0 /* all of it is on one machine */
#define RIG_SILENT_MS \
	SEQUENCER_STATE_TIMEOUT_MS /* a member that does not give its state is passed over then */
#define RIG_LOST (-ECONNRESET)	   /* the group is lost for all */

static char dir[] = "/tmp/dvs-group-XXXXXX", path[80];
static pid_t server;

static const char *rig_spec(int node)
{
	static char spec[96];

	(void)node;
	snprintf(spec, sizeof(spec), "local:%s", path);
	return spec;
}

static void server_run(int ready)
{
	struct os_loop *loop = NULL;
	struct sequencer *seq = NULL;

	if (os_loop_new(&loop, NULL) || sequencer_new(&seq, loop, path) ||
	    write(ready, "1", 1) != 1)
		_exit(1);
	close(ready);
	_exit(os_loop_run(loop) ? 1 : 0);
}

static void rig_start(void)
{
	int fds[2];
	char c;

	if (pipe(fds) < 0)
		exit(1);
	server = fork();
	if (!server) {
		close(fds[0]);
		server_run(fds[1]);
	}
	close(fds[1]);
	CHECK_EQ(os_read_full(fds[0], &c, 1, 3000), 0);
	close(fds[0]);
}

/* Also when it does not run. The members find that the group is lost. */
static void rig_stop(void)
{
	if (!server)
		return;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	server = 0;
}

/* Another sequencer is another group, and no member of the last one is told of it. */
static inline void rig_come_back(void)
{
}

/* Before the first test. */
static void rig_init(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	alarm(55);
	if (!mkdtemp(dir))
		exit(1);
	snprintf(path, sizeof(path), "%s/seq", dir);
}

static int rig_end(void)
{
	unlink(path);
	rmdir(dir);
	return test_end();
}

#endif
