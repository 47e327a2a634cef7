/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_COPY_PARTY_H
#define DVS_NODE_COPY_PARTY_H

/*
 * A process of this node as one side of a data copy. It is taken for one part of the copy at a time:
 * in between it may leave, die or be frozen, and while it is taken its move waits.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/credentials.h"
#include "wire/lane.h"

struct bindings;
struct order;

struct party {
	int dcid;
	int endpoint;
	int requester;	    /* the endpoint that asked for the copy; may be the same */
	struct asker asker; /* its credentials; of no account where it is the same */
	pid_t pid;	    /* while taken */
	bool own;	    /* while taken: of the requester's own process */
};

/*
 * With the node lock. The credentials that the requester, a process of this node, has now: those of its task, from
 * the kernel. Asked for with each attempt, and kept no longer: it may give up rights at any time. 0 or EDVSNOTBIND.
 */
int party_asker(const struct bindings *bindings, int dcid, int requester, struct asker *asker);

/*
 * With the node lock. May that node ask, for this requester of that DC? One of the two nodes may be
 * behind in the order. The requester may be about to move: its move waits for the copy, which
 * therefore must not wait for the move.
 */
bool party_may_ask(const struct order *order, int from, int dcid, uint32_t dc_generation,
		   int requester);
/*
 * With the node lock. 0: taken. EDVSMIGRATE: it is not here, or not now. EDVSPROCSTS: it is not
 * blocked, and its memory is its own.
 */
int party_take(const struct bindings *bindings, struct party *party);
void party_leave(const struct bindings *bindings, const struct party *party);
/*
 * While it is taken, with or without the lock: 0 or an EDVS number. EDVSPERM: the kernel would not let the requester
 * touch this memory.
 */
int party_copy(const struct party *party, enum lane_op op, uint64_t addr, uint8_t *buf,
	       uint32_t bytes);

#endif
