/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_LIBDVK_POST_H
#define DVS_LIBDVK_POST_H

/*
 * Acts of a line's owner beside waiting: gets it free, gets a message back, answers. The binding is entered.
 */

#include <stdint.h>

#include "core/call.h"
#include "libdvk/channel.h"
#include "libdvk/wait.h"

/*
 * Waits until our line is free. A message that an earlier call or an earlier image of the process left in it is
 * taken back, except an answer that the peer is waiting for. 0, EDVSDSTDIED, or as wait_step().
 */
static inline int post_clear(struct wait *wait, struct channel *channel);
/* The same of a line that was seen not to be free. */
int post_make_room(struct wait *wait, struct channel *channel);
static inline int post_clear(struct wait *wait, struct channel *channel)
{
	if (line_word_is_free(line_word_now(channel_own(channel))))
		return 0;
	return post_make_room(wait, channel);
}

/*
 * Takes our message of this sequence back, because of `why`, an EDVS number or POST_E_CLOSED. Returns why if
 * nobody has seen the message, else as call_fate(); EDVSTIMEDOUT if the node that has to decide cannot be
 * reached: the line is then left as it is, and the next post_clear() sees to it.
 */
int post_withdraw(struct binding *binding, struct channel *channel, uint64_t seq, int why);
/* The same for a call that must not wait: it leaves a node that is silent a moment, and no more. */
int post_withdraw_now(struct binding *binding, struct channel *channel, uint64_t seq, int why);

/*
 * Beyond the caller's own time: for the other node to say whether a message was taken. Longer than a
 * link needs to come back from a short loss, because a caller that goes on without the answer says
 * that nobody has the message while somebody may.
 */
#define POST_RETREAT_MS 5000

/*
 * Answers the peer's open request. 0: done. POST_E_CLOSED: the peer does not wait for it any more,
 * and nothing was sent. Otherwise as post_clear().
 */
#define POST_E_CLOSED 4
int post_answer(struct wait *wait, struct channel *channel, const message *m);

/* Checks a destination in the contract's order; self: the error for sending to oneself. 0 or an error. */
int post_check_destination(const struct binding *binding, int endpoint, int self);
/* The same; it costs nothing where all is well. */
static inline int post_destination(const struct binding *binding, int endpoint, int self)
{
	if (!channel_check_number(endpoint) && endpoint != HARDWARE && endpoint != binding->p_nr)
		return 0;
	return post_check_destination(binding, endpoint, self);
}

/* How long a call with TIMEOUT_NOWAIT leaves a peer that is ready the time to say so. */
int64_t post_grace_ns(const struct binding *binding, const struct channel *channel);

/*
 * Only a null page is recognized: a message is read and written in place, and a pointer that is bad
 * in another way ends the program as any other access would.
 */
static inline bool post_is_bad(const message *m)
{
	return (uintptr_t)m < 4096;
}

#endif
