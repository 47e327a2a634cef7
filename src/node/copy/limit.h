/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_COPY_LIMIT_H
#define DVS_NODE_COPY_LIMIT_H

/*
 * How many copies are made at one time. A small one holds its share from when it is queued, a large one from when a
 * worker takes it. Lock held.
 */

#include <stdbool.h>
#include <sys/types.h>

struct copy_task;
struct share;

#define LIMIT_SMALL_BYTES \
	(32u * 1024)	/* others do not wait for such a copy, unless its memory is slow */
#define LIMIT_OF_ONE  8 /* small ones at one process at a time, whose pages may take long */
#define LIMIT_LARGE   4
#define LIMIT_WORKERS (64 + LIMIT_LARGE)

struct limit {
	int workers, idle;
	int queued;
	int large; /* that workers have */
};

bool limit_is_small(const struct copy_task *task);
/* False: either process of the task, or its user, has enough to do. `tasks` are all of the node. */
bool limit_queue(const struct copy_task *tasks, struct share **shares,
		 const struct copy_task *task);
/* May a worker take it, which is in the queue? */
bool limit_take(struct limit *limit, struct share **shares, const struct copy_task *task);
/* Of the task that had been taken. */
void limit_give(struct limit *limit, struct share **shares, uid_t uid, bool small);
/* Is one more worker needed for one more copy, and allowed? */
bool limit_wants_worker(const struct limit *limit);

#endif
