/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The switch of the lab: a process that does nothing but live. The network namespace with the lab's bridge
 * stays while it runs, or the lab's sequencer, which is in the same one: the network outlives either.
 * `dvs lab up` starts it as `dvs --lab-switch PATH FD`, which is not for people: PATH is the socket of
 * the lab's group, by which `dvs lab down` finds the process, and FD is told that it runs.
 */

#include <stdio.h>
#include <string.h>

#include "ctl/labnode.h"
#include "ctl/verb.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/options.h"
#include "os/self.h"
#include "os/signals.h"
#include "os/socket.h"

static void on_stop(void *ctx)
{
	os_loop_stop(ctx);
}

static int live(struct os_loop *loop, int ready_fd)
{
	struct os_source *term = NULL;
	int r = os_source_signal(loop, OS_SIGTERM, on_stop, loop, &term);

	if (!r)
		r = os_write_full(ready_fd, "1", 1, 1000);
	os_close(ready_fd);
	if (!r)
		r = os_loop_run(loop);
	os_source_free(term);
	return r;
}

int lab_switch_main(int argc, char **argv)
{
	struct os_loop *loop = NULL;
	int ready_fd, r;

	if (argc != 4 || !options_number(argv[3], 3, 1 << 20, &ready_fd)) {
		fprintf(stderr, "dvs: " LAB_SWITCH_ARGUMENT " is for `dvs lab up` alone\n");
		return WRONG_USAGE;
	}
	os_self_name("dvs-switch");
	os_self_keep_running();
	os_log_init("dvs-switch", OS_LOG_INFO);
	r = os_loop_new(&loop, NULL);
	if (!r)
		r = live(loop, ready_fd);
	os_loop_free(loop);
	if (r < 0)
		fprintf(stderr, "dvs-switch: cannot run: %s\n", strerror(-r));
	return r < 0 ? REFUSED : DONE;
}
