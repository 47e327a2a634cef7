/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_COPY_COPY_TASK_H
#define DVS_NODE_COPY_COPY_TASK_H

/*
 * One dvk_vcopy that a daemon does for a process of its node: a stream of parts that a worker takes from one
 * side to the other (stream.c).
 *
 *	page --> task --> queue --> worker --> copy_finish()
 *	                    ^         | a party is between two nodes, a lane broke
 *	                  timer <-----+
 *
 * All of it under the node lock but the copying, sending and receiving of a worker. While `streaming` only
 * the worker may finish the task; others tell it by stream_stop().
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/lane.h"

#define COPY_LIMIT_NS \
	INT64_C(30000000000) /* as the contract: how long a migrating party is waited for */

struct copies;
struct exchange_status;
struct lane;
struct os_source;

struct copy_task {
	struct copy_task *next;
	struct copies *copies;
	struct exchange_status *status; /* kept: of the requester, where the answer goes */
	uint32_t number;		/* of the copy, there */
	bool given_up;			/* the number there is another one */
	struct os_source *timer;
	uid_t uid; /* of the requester when it asked; see share.h */
	int dcid;
	int requester;
	int slot[2];	 /* source, destination */
	int endpoint[2]; /* in them, from when the copy began */
	uint64_t addr[2];
	uint64_t bytes, done;
	bool caught_up; /* with the order, as far as that was worth waiting for */
	bool catching_up;
	int64_t park_us;     /* of the last time that it was parked */
	int64_t deadline_ns; /* how long a party that moves is waited for, from when it last got on */
	bool streaming;	     /* a worker has it, or it is in the queue */
	int verdict; /* EDVS number: it is over, with this result, when those who have it let go */
	struct copy_task *next_queued;
	struct lane *lane[2]; /* in use by the worker for this side */
	int lane_node[2];
};

/* Answers and frees the task. code: 0 or an EDVS number. */
void copy_finish(struct copy_task *task, int code);
/* Tried again soon, unless it has been tried for too long. */
void copy_park(struct copy_task *task);
/* Where a side is: a node's number, PROXY_HERE or _HELD; or it is gone: *code says who died. */
int copy_locate(const struct copy_task *task, int side, int *code);

#endif
