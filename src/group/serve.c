/* SPDX-License-Identifier: Apache-2.0 */
#include "group/serve.h"

#include <stdio.h>
#include <string.h>

#include "os/confine.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/notify.h"
#include "os/self.h"
#include "os/signals.h"
#include "os/socket.h"

static struct {
	const char *socket;
	int ready_fd;
} options = { .ready_fd = -1 };

static void on_stop(void *ctx)
{
	os_loop_stop(ctx);
}

/* Says that it listens: one byte, then the descriptor is closed; and to the service manager. */
static int tell_ready(void)
{
	int r = 0;

	if (options.ready_fd >= 0)
		r = os_write_full(options.ready_fd, "1", 1, 1000);
	os_close(options.ready_fd);
	os_notify_ready("listening");
	return r;
}

static int run(const struct serve *serve, struct os_loop *loop)
{
	struct os_source *term = NULL;
	void *server = NULL;
	int r = os_source_signal(loop, OS_SIGTERM, on_stop, loop, &term);

	if (!r)
		r = serve->start(&server, loop, options.socket);
	if (!r)
		r = tell_ready();
	/* Messages of members and of Corosync are read from here on only. */
	if (!r)
		r = os_confine_server(serve->opens_files);
	if (!r)
		r = os_loop_run(loop);
	if (server)
		serve->end(server);
	os_source_free(term);
	return r;
}

int serve_main(const struct serve *serve, int argc, char **argv)
{
	static const struct option_row rows[] = {
		{ "socket", 0, OPTION_WORD, &options.socket },
		{ "ready-fd", 0, OPTION_NUMBER, &options.ready_fd },
		{ NULL, 0, OPTION_FLAG, NULL },
	};
	struct os_loop *loop = NULL;
	int r = program_options(&serve->program, rows, argc, argv);

	if (r >= 0)
		return r;
	if (!options.socket)
		return program_refuse(&serve->program, "--socket is missing");
	os_self_keep_running();
	os_log_init(serve->program.name, OS_LOG_INFO);
	r = os_loop_new(&loop, NULL);
	if (!r)
		r = run(serve, loop);
	os_loop_free(loop);
	if (r < 0) {
		fprintf(stderr, "%s: cannot serve %s: %s\n", serve->program.name, options.socket,
			strerror(-r));
		return 1;
	}
	return 0;
}
