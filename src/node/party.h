/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_PARTY_H
#define DVS_NODE_PARTY_H

/*
 * A process of this node as one side of a data copy. It is taken for one part of the copy at a time:
 * in between it may leave, die or be frozen, and while it is taken its departure waits.
 */

#include <stdint.h>
#include <sys/types.h>

#include "wire/lane.h"

struct node;

struct party {
	int dcid;
	int endpoint;
	int requester; /* who asked for the copy; may be the same */
	pid_t pid;     /* while taken */
};

/*
 * With the node lock. 0: taken. EDVSMIGRATE: it is not here, or not now. EDVSPROCSTS: it is not
 * blocked, and its memory is its own.
 */
int party_take(struct node *node, struct party *party);
void party_leave(struct node *node, const struct party *party);
/* While it is taken, with or without the lock: 0 or an EDVS number. */
int party_copy(const struct party *party, enum lane_op op, uint64_t addr, uint8_t *buf,
	       uint32_t bytes);

#endif
