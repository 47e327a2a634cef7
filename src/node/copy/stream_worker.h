/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_COPY_STREAM_WORKER_H
#define DVS_NODE_COPY_STREAM_WORKER_H

/* The state of a worker (stream.c), and one attempt to take a copy from one side to the other (stream_attempt.c). */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/attention.h"
#include "wire/shm.h"

#define STREAM_E_AGAIN 1 /* a party moves or a lane broke: from `done` on, later */
#define STREAM_E_STALE 2 /* the lane was an old one: at once, with a new one */

struct copies;
struct copy_task;
struct lane;

/* The node bell, while a worker stands in for the bell thread. */
struct stream_bell {
	struct node_bell *page;
	uint32_t seen;
	bool ours;
};

struct stream_worker {
	struct copies *copies;
	struct copy_task *task;
	uid_t uid; /* the user that asked for it; see share.h */
	bool small;
	struct lane *lane[2][NR_NODES]; /* by side; NULL: none yet */
	struct attention_span look;
	bool looking; /* for the next one, with `bell` */
	struct stream_bell bell;
	uint8_t *buf; /* LANE_DATA_MAX, when both sides are here */
};

/* Without the lock. 0, STREAM_E_AGAIN, STREAM_E_STALE or an EDVS number. */
int stream_attempt(struct stream_worker *worker);

#endif
