/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_COPIERS_H
#define DVS_NODE_MOVE_COPIERS_H

/*
 * Whether anybody still copies to or from a process whose ends the daemon has just taken. A peer says so in the
 * channel; since copy_pid is 0 by then, one that speaks the truth is done within one system call. A peer may also say
 * so and never take it back; its doings meanwhile give it away.
 */

#include <stdint.h>

#include "wire/shm.h"

struct node;

/* One record for each peer that says it copies, by slot. Begin with all zero. */
struct copiers {
	struct {
		uint8_t alibis;	  /* times in a row that it was seen elsewhere meanwhile */
		uint64_t user_ms; /* that it had run when it was first asked; 0: not asked */
	} of[SHM_SLOTS];
};

/*
 * How many peers of p_nr copy, liars not counted. Takes the node lock and looks into /proc without it;
 * to be asked again every millisecond or so, until 0.
 */
int copiers_count(struct copiers *copiers, struct node *node, int dcid, int p_nr);

#endif
