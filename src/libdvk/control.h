/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_LIBDVK_CONTROL_H
#define DVS_LIBDVK_CONTROL_H

/*
 * One exchange of the library with the daemon of its node: connect, ask, take the answer, close. No
 * descriptor outlives it, so that a process which is moved carries none of the library's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/socket.h"
#include "wire/ctl.h"

struct binding;
struct status_page;

struct control {
	struct ctl_request request;
	const void *payload; /* request.payload_bytes of it */
	void *answer;	     /* payload of the reply, zero-filled up to answer_bytes; may be NULL */
	size_t answer_bytes;
	/* filled by control_ask() */
	int64_t value;
	int fds[OS_FDS_MAX]; /* the caller closes them, before control_end() */
	int fd_count;
	/* EDVSMFILE, and the daemon has done what was asked: only its descriptors did not get here */
	bool done;
};

/*
 * Around one system call that must happen on one node, such as a copy with a pid that was just read: the
 * daemon sees that the process must not be stopped for a move. A signal handler that runs in between
 * only holds a move up.
 */
void control_stay(struct binding *binding);
void control_leave(struct binding *binding);

/*
 * Stands around an exchange, and around all work that must be finished with it (descriptors mapped and closed):
 * no signal handler runs, the thread is not cancelled, and the daemon sees that the process must not be stopped
 * for a move just now.
 */
struct control_scope {
	sigset_t signals;
	int cancel;		 /* whether the thread could be cancelled */
	struct binding *binding; /* whose status page says so; NULL: nothing is bound */
	struct status_page *status;
};

void control_begin(struct control_scope *scope);
void control_end(struct control_scope *scope);

/* A request of the calling thread in which each field has the value that means "not said". */
struct control control_request(enum ctl_call call);

/*
 * Asks. Inside a scope; blocks until the daemon has answered. A call that may be made twice is made again if the
 * daemon dies over it; after the death of one that was asked for something else nobody knows whether it is done. 0
 * or the daemon's negative EDVS number; EDVSDVSINIT when no daemon serves this node, *errnop (may be NULL) then
 * says why.
 */
int control_ask(struct control *control, int *errnop);

/* The whole of an exchange that hands out no descriptors. */
int control_call(struct control *control);

#endif
