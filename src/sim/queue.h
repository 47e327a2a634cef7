/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_SIM_QUEUE_H
#define DVS_SIM_QUEUE_H

/*
 * The coming events, by virtual time; of two events at one time the one that was put first
 * comes first, so that a run repeats exactly. Each event may own one block of memory (data), which
 * the caller of the pop frees.
 */

#include <stdbool.h>
#include <stdint.h>

struct sim_event {
	uint64_t time_us;
	uint64_t number; /* order of putting */
	int kind;
	int node;      /* where it happens; -1 in the world */
	uint32_t life; /* of that node: an event for an earlier life is void */
	int slot;
	int a, b;
	uint32_t tag;
	void *data;
};

struct sim_queue {
	struct sim_event *heap;
	uint32_t count, size;
	uint64_t next_number;
};

void queue_init(struct sim_queue *queue);
void queue_deinit(struct sim_queue *queue);
void queue_put(struct sim_queue *queue, const struct sim_event *event);
/* The earliest; false if there is none. */
bool queue_pop(struct sim_queue *queue, struct sim_event *event);

#endif
