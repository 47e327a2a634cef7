/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_LOCAL_RIG_TEST_H
#define DVS_GROUP_LOCAL_RIG_TEST_H

/* The rig of the local engine: a sequencer in a child process. For test programs. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"
#include "group/child_rig_test.h"
#include "group/sequencer.h"
#include "os/loop.h"

#define RIG_CUTS 0 /* all of it is on one machine */
#define RIG_SILENT_MS \
	SEQUENCER_STATE_TIMEOUT_MS /* a member that does not give its state is passed over then */
#define RIG_LOST (-ECONNRESET)	   /* the group is lost for all */

static char dir[] = "/tmp/dvs-group-XXXXXX", path[80];

static const char *rig_spec(int node)
{
	static char spec[96];

	(void)node;
	snprintf(spec, sizeof(spec), "local:%s", path);
	return spec;
}

static void server_run(int orders)
{
	struct os_loop *loop = NULL;
	struct sequencer *seq = NULL;

	if (os_loop_new(&loop, NULL) || sequencer_new(&seq, loop, path) ||
	    write(orders, "1", 1) != 1)
		_exit(1);
	_exit(os_loop_run(loop) ? 1 : 0);
}

static void rig_start(void)
{
	server_start(server_run);
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
