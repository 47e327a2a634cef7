/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_TRANSFER_H
#define DVS_GROUP_TRANSFER_H

/*
 * A joiner's state on its way, whichever engine carries it. A member is asked for the state as of one point of the
 * order. Commands that are ordered after that point are kept, and go to the joiner behind the state. A member
 * that leaves or is silent is replaced: another one is asked, for another point, and its answer is told from a
 * late one by the token.
 *
 *	idle --begin--> asked --keep...--> --take--> idle (state, then `later`)
 *	                  \------begin (another member)---/
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "group/buffer.h"

struct transfer {
	bool asked;
	int provider; /* member that is asked, as the engine numbers them */
	uint64_t token, order;
	int64_t asked_ns;
	struct group_buffer later; /* owned */
};

/*
 * Asks `provider` for the state as of `order`; token: never used before. The commands that were kept are
 * forgotten.
 */
void transfer_begin(struct transfer *transfer, int provider, uint64_t token, uint64_t order,
		    int64_t now_ns);
/* Keeps what was ordered after that, up to `max` bytes in all. 0; -ENOBUFS; -ENOMEM. Nothing when idle. */
int transfer_keep(struct transfer *transfer, const void *bytes, size_t len, size_t max);
/*
 * A member gives a state. 1: it is the one that was asked for, and the transfer is over; `later` goes behind it and
 * is freed by transfer_deinit(). 0: not for this transfer, or too late. -EBADMSG: it is of another point.
 */
int transfer_take(struct transfer *transfer, int provider, uint64_t token, uint64_t order);
static inline bool transfer_asks(const struct transfer *transfer, int provider)
{
	return transfer->asked && transfer->provider == provider;
}
/* It has not come within limit_ns. */
bool transfer_is_late(const struct transfer *transfer, int64_t now_ns, int64_t limit_ns);
/* The state cannot come any more: idle, and nothing is kept. Also frees what a taken one has kept. */
void transfer_deinit(struct transfer *transfer);

#endif
