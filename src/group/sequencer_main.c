/* SPDX-License-Identifier: Apache-2.0 */
/* dvs-sequencer: the server of the local group engine as a program. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group/sequencer.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/self.h"
#include "os/socket.h"

#define USAGE "usage: dvs-sequencer --socket PATH [--ready-fd FD]\n"

static struct {
	const char *socket;
	int ready_fd;
} options = { .ready_fd = -1 };

static int parse_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		switch (c) {
		case 's':
			options.socket = optarg;
			break;
		case 'r':
			options.ready_fd = (int)strtol(optarg, &end, 10);
			if (end == optarg || *end || options.ready_fd < 0)
				return 2;
			break;
		case 'h':
			fputs(USAGE, stdout);
			exit(os_self_finish("dvs-sequencer", 0));
		default:
			return 2;
		}
	}
	return options.socket && optind == argc ? 0 : 2;
}

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
	return r;
}

static int run(struct os_loop *loop)
{
	struct os_source *term = NULL;
	struct sequencer *seq = NULL;
	int r = os_source_signal(loop, SIGTERM, on_stop, loop, &term);

	if (!r)
		r = sequencer_new(&seq, loop, options.socket);
	if (!r)
		r = tell_ready();
	if (!r)
		r = os_loop_run(loop);
	if (seq)
		sequencer_free(seq);
	os_source_free(term);
	return r;
}

int main(int argc, char **argv)
{
	struct os_loop *loop = NULL;
	int r = parse_options(argc, argv);

	if (r) {
		fputs(USAGE, stderr);
		return r;
	}
	os_self_keep_running();
	os_log_init("dvs-sequencer", OS_LOG_INFO);
	r = os_loop_new(&loop, NULL);
	if (!r)
		r = run(loop);
	os_loop_free(loop);
	if (r < 0) {
		fprintf(stderr, "dvs-sequencer: cannot serve %s: %s\n", options.socket,
			strerror(-r));
		return 1;
	}
	return 0;
}
