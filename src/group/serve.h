/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_SERVE_H
#define DVS_GROUP_SERVE_H

/* The main function of a program that serves daemons on a Unix socket: dvs-sequencer, dvs-corosync. */

#include "os/program.h"

struct os_loop;

struct serve {
	struct program program;
	/* Listens at path and serves on the loop. 0 or negative errno. */
	int (*start)(void **server, struct os_loop *loop, const char *path);
	void (*end)(void *server);
	bool opens_files; /* while it serves: see os_confine_server() */
};

/* Serves until SIGTERM; tells the starter and a service manager when it listens. Returns the exit status. */
int serve_main(const struct serve *serve, int argc, char **argv);

#endif
