/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_HISTORY_H
#define DVS_GROUP_HISTORY_H

/*
 * The last commands of the order, as they were delivered, for a member that has to hear some of them once more: the
 * daemon that follows one that died knows the state as of a point that lies a few commands back.
 */

#include <stdbool.h>
#include <stdint.h>

#include "group/stream.h"
#include "wire/group.h"

#define HISTORY_MAX 4096u

struct history {
	uint64_t last; /* 0: nothing yet */
	uint32_t count;
	uint8_t delivery[HISTORY_MAX]
			[GROUP_DELIVER_BYTES]; /* payloads of DELIVER, at order % HISTORY_MAX */
};

/* The order begins anew, or at another point. */
void history_clear(struct history *history);
/* The next one: of the number behind `last`, or any one after history_clear(). */
void history_add(struct history *history, uint64_t order, const uint8_t command[COMMAND_BYTES]);
/* Whether a member that was told `order` last can be told all that came later. */
bool history_reaches(const struct history *history, uint64_t order);
/* One that history_reaches() covers. */
const uint8_t *history_delivery(const struct history *history, uint64_t order);
/*
 * Puts on the stream all that came behind `order`, which history_reaches() covers, and then whether there is a quorum.
 * As group_stream_put().
 */
int history_put(const struct history *history, struct group_stream *stream, uint64_t order,
		bool quorum);

#endif
