/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_MOVE_H
#define DVS_NODE_MOVE_MOVE_H

#include <stdbool.h>

#include <stdint.h>

struct request;
struct source;
struct target;

/* The part of struct node. */
struct moves {
	struct source *sources; /* migrations from this node */
	struct target *targets; /* migrations to this node */
	uint64_t drains;	/* begun so far */
	unsigned draining;	/* under way */
};

/* Whether this release moves in the way that was asked for; if not, the request is answered so. */
bool move_method_known(struct request *request);

#endif
