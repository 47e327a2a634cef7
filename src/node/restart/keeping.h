/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_KEEPING_H
#define DVS_NODE_RESTART_KEEPING_H

/*
 * The daemon leaves its state to the one that follows it if it dies (os/keeper.h): always the one of the last
 * moment at which the lock was given back after a change. A thing of which a successor has to know notes each
 * change of it (os/kept.h). So what is told to anybody after the lock was given back is known to the next
 * daemon. The changes are written behind the state that was left before (journal.h). A full journal is followed by
 * the whole state in another file, which becomes the one that is left when it is complete. So a change costs what
 * it changes, and a state is whole at every moment.
 */

#include <stdbool.h>

#include "node/restart/handover.h"
#include "node/restart/journal.h"

struct restarts;

struct keeping {
	bool has_failed; /* the last state could not be written: the next one is a whole one */
	bool is_checked; /* DVS_FAULT is keep-check */
	struct journal journal[2];
	unsigned newest;	     /* of the two */
	struct handover_alone alone; /* in the newest */
};

/* From now on. Before there are threads. */
void keeping_begin(struct restarts *restarts);
/* No more: there is no successor, or it is made another way. */
void keeping_end(struct restarts *restarts);

#endif
