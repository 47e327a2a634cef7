/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_WATCH_H
#define DVS_NODE_WATCH_H

#include <stdbool.h>
#include <sys/types.h> /* pthread_t */

/* The part of struct node. */
struct watch {
	pthread_t thread;
	_Atomic bool stop;
};

/* The bell thread: looks at the node bell until watch.stop. arg: struct node; for os/threads.h. */
void *watch_main(void *arg);

#endif
