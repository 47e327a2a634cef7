/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_DUTY_H
#define DVS_CORE_DUTY_H

/*
 * The duties of one node when the order has delivered a step of a move. The product and the simulator ask the
 * same functions and carry out the answers, each in its own world.
 *
 * A move of dvs migrate has a plan on either side (core/plan.h), which is told and knows the rest. One by hand
 * has none: its tool brings the process, and the nodes of the old and the new owner do what follows.
 *
 *	           START            ROLLBACK          COMMIT
 *	owner      hold             let go            hand over, offer
 *	new owner                                     promote, offer; take over once a process is named
 *	the rest                    offer             offer
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/directory.h"
#include "core/plan.h"

enum duty {
	DUTY_HOLD = 1, /* the process here waits at its next call */
	DUTY_LET_GO,   /* and goes on */
	DUTY_HAND_OVER, /* it ends; its conversations are held, and sent on to where the endpoint is now */
	DUTY_TELL_SOURCE, /* the plan of this side, if one is under way */
	DUTY_TELL_TARGET,
	DUTY_PROMOTE, /* a backup that stands by here becomes the process, or ends */
	DUTY_OFFER,   /* ask the others for their lines of the endpoint, and send them ours */
	DUTY_LAST = DUTY_OFFER,
};

#define DUTIES_MAX 4

/* Of an effect that is one of a move. Returns how many there are; they are done in this order. */
uint32_t duty_of_move(const struct directory_effect *effect, int self, enum duty duty[DUTIES_MAX]);

/*
 * The event of a plan for an effect on one that moves by it, or 0: none. is_fellow: it is not the plan's own endpoint.
 * The effects of one command on those that move together come one after another, and by the first of them all have
 * been decided: the plan hears of it before a fellow is anything else for the node, and takes the rest for late ones.
 * The end of a fellow is not that of the plan's endpoint; its move is rolled back by the same command.
 */
enum plan_event_kind duty_tells(uint8_t effect_kind, bool is_fellow);
/* The process of one that moves has ended on the source's node. */
enum plan_event_kind duty_tells_of_end(bool is_fellow);

/* A commit by hand that named a process of this node has been delivered, and was not refused. */
enum duty_attach {
	DUTY_ATTACH_NOTHING = 1, /* it was named before, and has the endpoint */
	DUTY_ATTACH_TAKE_OVER,	 /* it has the endpoint from now on: let its ends go, offer */
	DUTY_ATTACH_UNBIND,	 /* it ended while the order decided: so does the endpoint */
};

/* has_endpoint: a process of this node has it; is_gone: the one that was named has ended, and is no task any more. */
enum duty_attach duty_of_attach(bool has_endpoint, bool is_gone);

#endif
