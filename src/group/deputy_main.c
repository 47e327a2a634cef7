/* SPDX-License-Identifier: Apache-2.0 */
/* dvs-corosync: the deputy of a daemon in the group of its Corosync, as a program. */
#include <stdio.h>
#include <string.h>

#include "group/deputy.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/notify.h"
#include "os/program.h"
#include "os/self.h"
#include "os/signals.h"
#include "os/socket.h"

static const struct program program = {
	"dvs-corosync",
	"usage: dvs-corosync --socket PATH [--ready-fd FD]\n"
	"\n"
	"The group engine `corosync`: stands for the daemon of this machine in the group of its Corosync.\n"
	"\n"
	"  --socket PATH  where it listens; dvsd --group corosync:PATH joins it\n"
	"  --ready-fd FD  one byte is written here when it listens\n"
};

static struct {
	const char *socket;
	int ready_fd;
} options = { .ready_fd = -1 };

static void on_stop(void *ctx)
{
	os_loop_stop(ctx);
}

/* Says that it listens: one byte, then the descriptor is closed. */
static int tell_ready(void)
{
	int r = 0;

	if (options.ready_fd >= 0)
		r = os_write_full(options.ready_fd, "1", 1, 1000);
	os_close(options.ready_fd);
	os_notify_ready("listening");
	return r;
}

static int run(struct os_loop *loop)
{
	struct os_source *term = NULL;
	struct deputy *deputy = NULL;
	int r = os_source_signal(loop, OS_SIGTERM, on_stop, loop, &term);

	if (!r)
		r = deputy_new(&deputy, loop, options.socket);
	if (!r)
		r = tell_ready();
	if (!r)
		r = os_loop_run(loop);
	if (deputy)
		deputy_free(deputy);
	os_source_free(term);
	return r;
}

int main(int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "socket", 0, OPTION_WORD, &options.socket },
		{ "ready-fd", 0, OPTION_NUMBER, &options.ready_fd },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct os_loop *loop = NULL;
	int r = program_options(&program, rows, argc, argv);

	if (r >= 0)
		return r;
	if (!options.socket)
		return program_refuse(&program, "--socket is missing");
	os_self_keep_running();
	os_log_init(program.name, OS_LOG_INFO);
	r = os_loop_new(&loop, NULL);
	if (!r)
		r = run(loop);
	os_loop_free(loop);
	if (r < 0) {
		fprintf(stderr, "dvs-corosync: cannot serve %s: %s\n", options.socket,
			strerror(-r));
		return 1;
	}
	return 0;
}
