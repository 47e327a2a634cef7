/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_COPIERS_H
#define DVS_NODE_MOVE_COPIERS_H

/*
 * Whether anybody still copies to or from a process whose ends the daemon has just taken. A peer says so in the
 * channel; since copy_pid is 0 by then, one that speaks the truth is done within one system call. A peer may also say
 * so and never take it back; its doings meanwhile give it away.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h> /* pthread_mutex_t */

#include "wire/shm.h"

struct activity;
struct bindings;

/* One record for each peer that says it copies, by slot. Begin with all zero. */
struct copiers {
	struct {
		uint8_t alibis; /* times in a row that it was seen elsewhere meanwhile */
		bool left_out;
		uint64_t user_ms; /* that it had run when it was first asked; 0: not asked */
	} of[SHM_SLOTS];
};

/*
 * How many peers of p_nr copy, liars not counted. Takes the node's lock and looks into /proc without it;
 * to be asked again every millisecond or so, until 0.
 */
int copiers_count(struct copiers *copiers, const struct bindings *bindings, pthread_mutex_t *lock,
		  int dcid, int p_nr);

/* That peer is not counted. */
void copiers_leave_out(struct copiers *copiers, int p_nr);

/* Whether the peer in that place, whose mark stands, may copy. activity: of its process, read just now. */
bool copiers_may_copy(struct copiers *copiers, unsigned index, const struct activity *activity);

#endif
