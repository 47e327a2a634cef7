/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_NAMED_H
#define DVS_NODE_TASK_NAMED_H

/*
 * The tasks that a request names by numbers of the asker's own pid namespace. The kernel translates
 * them; where it cannot (before 6.11), every task has to be looked at, which a thread does without the
 * node lock, and the handler is called again.
 */

#include <stdbool.h>
#include <sys/types.h>

struct request;

enum {
	NAMED_E_LATER = 1 /* `again` is called, or the request has been failed */
};

/* The calling thread, as far as that is known at once; 0: it is not, and it is not bound. */
pid_t named_caller(const struct request *request);
/* The same in any case: 0 and *tid, or NAMED_E_LATER. A number of no thread is that of the process. */
int named_thread(struct request *request, pid_t *tid, void (*again)(struct request *));
/* The task that head.pid means: 0 and *tid, -ESRCH, or NAMED_E_LATER. */
int named_task(struct request *request, pid_t *tid, void (*again)(struct request *));

#endif
