/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_SEAT_H
#define DVS_GROUP_SEAT_H

/*
 * A member's place in the order, which is the same for every engine: the number that it has come to, whether it
 * has begun and is a member, the state that it takes as a joiner and gives to one. An engine says what has
 * arrived; the seat checks the numbers and tells the callbacks. The member has chosen a secret for this life: by it
 * the seat tells the own NODE_JOIN from that of an earlier life of the node, which may be decided late.
 *
 *	nothing -> started (the state was restored, or the first command delivered) -> joined (own NODE_JOIN)
 * Once started it may be without a quorum for a while.                           any of them -> lost
 */

#include "group/group.h"

#define SEAT_BYTES 24u /* of its encoding */

struct seat {
	struct group_callbacks call;
	int nodeid;
	uint64_t secret; /* of the own NODE_JOIN */
	uint64_t order;	 /* last one delivered or restored */
	bool started;	 /* it was told a state, or a command */
	bool quorum;	 /* as it was told */
	bool joined;
	bool lost; /* quorum(false) was told */
};

/* secret: not 0, or seat_decode() follows. */
void seat_init(struct seat *seat, int nodeid, uint64_t secret,
	       const struct group_callbacks *callbacks);

/* The state as of `order` has come. -EBADMSG: there is one already. */
int seat_restore(struct seat *seat, uint64_t order, const uint8_t *state, size_t len);
/*
 * The next command of the order has come. -EBADMSG: it is none, or it has not the next number. An engine whose
 * messages have no numbers of their own gives seat->order + 1.
 */
int seat_deliver(struct seat *seat, uint64_t order, const uint8_t bytes[COMMAND_BYTES]);
/*
 * A joiner asks for the state as of seat->order: in *state, which the caller frees. -EBADMSG: this one has not
 * started, and does not know it; -ENOMEM, also when it is larger than a state may be.
 */
int seat_give_state(struct seat *seat, uint8_t **state, size_t *len);
/* Makes a command this member's and encodes it. -EAGAIN: it is no member. */
int seat_sign(const struct seat *seat, const struct command *cmd, uint8_t bytes[COMMAND_BYTES]);
/* Of one that has not started nothing is told. */
void seat_quorum(struct seat *seat, bool have);
void seat_lose(struct seat *seat);

/* For a program that executes itself anew. Not of a lost one. -EBADMSG: it is none. */
void seat_encode(const struct seat *seat, uint8_t bytes[SEAT_BYTES]);
int seat_decode(struct seat *seat, const uint8_t bytes[SEAT_BYTES]);

#endif
