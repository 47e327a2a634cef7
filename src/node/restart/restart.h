/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_RESTART_H
#define DVS_NODE_RESTART_RESTART_H

/*
 * The daemon executes its program file anew, in place, as after an upgrade. CTL_RESTART begins it
 * (handlers.h); node_run() ends it when the loop has stopped for it.
 */

#include <stdbool.h>
#include <stdint.h>

struct homecoming;
struct node;
struct restart;

/* The part of struct node. */
struct restarts {
	struct restart *restart; /* under way */
	struct homecoming
		*homecoming; /* of one, whose asker waits for the links; see homecoming.h */
	uint32_t count;
};

/* Another node's daemon says that it is about to be restarted, or goes on. */
void restart_on_message(struct node *node, int from, const uint8_t *bytes, uint32_t len);

/* The loop was stopped so that the restart can go on. */
bool restart_is_due(const struct node *node);
/*
 * On the main thread, without the lock, when the bell thread has ended. Returns only if the node goes
 * on as it was: either the restart waits for a quieter moment, or it was refused.
 */
void restart_execute(struct node *node);

#endif
