/* SPDX-License-Identifier: Apache-2.0 */
#include "group/seat.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "wire/group.h"

#define STATE_FIRST  65536u /* size of the buffer that a snapshot is tried with first */
#define SEAT_STARTED 1u
#define SEAT_JOINED  2u
#define SEAT_PAUSED  4u /* started, and without a quorum */

void seat_init(struct seat *seat, int nodeid, uint64_t secret,
	       const struct group_callbacks *callbacks)
{
	assert(nodeid >= 0 && nodeid < NR_NODES);
	assert(callbacks->restore && callbacks->deliver);
	assert(callbacks->snapshot && callbacks->quorum);
	*seat = (struct seat){ .nodeid = nodeid, .secret = secret, .call = *callbacks };
}

static void start(struct seat *seat)
{
	assert(!seat->lost);
	if (seat->started)
		return;
	seat->started = seat->quorum = true;
	seat->call.quorum(seat->call.ctx, true);
}

int seat_restore(struct seat *seat, uint64_t order, const uint8_t *state, size_t len)
{
	if (seat->started)
		return -EBADMSG;
	start(seat);
	seat->order = order;
	seat->call.restore(seat->call.ctx, order, state, len);
	return 0;
}

int seat_deliver(struct seat *seat, uint64_t order, const uint8_t bytes[COMMAND_BYTES])
{
	struct command cmd;
	int r = command_decode(&cmd, bytes, COMMAND_BYTES);

	assert(seat->secret);
	if (r < 0)
		return r;
	if (order != seat->order + 1 || (seat->started && !seat->quorum))
		return -EBADMSG;
	start(seat);
	seat->order = order;
	if (cmd.kind == COMMAND_NODE_JOIN && cmd.node == seat->nodeid && cmd.secret == seat->secret)
		seat->joined = true;
	seat->call.deliver(seat->call.ctx, order, &cmd);
	return 0;
}

int seat_give_state(struct seat *seat, uint8_t **state, size_t *len)
{
	if (!seat->started)
		return -EBADMSG;
	for (size_t size = STATE_FIRST; size <= GROUP_STATE_MAX; size *= 4) {
		*state = malloc(size);
		if (!*state)
			return -ENOMEM;
		*len = seat->call.snapshot(seat->call.ctx, *state, size);
		assert(*len <= size);
		if (*len)
			return 0;
		free(*state);
	}
	*state = NULL;
	return -ENOMEM;
}

int seat_sign(const struct seat *seat, const struct command *cmd, uint8_t bytes[COMMAND_BYTES])
{
	struct command copy = *cmd;

	if (!seat->joined || !seat->quorum || seat->lost)
		return -EAGAIN;
	copy.version = COMMAND_VERSION;
	copy.origin = seat->nodeid;
	command_encode(&copy, bytes);
	return 0;
}

void seat_lose(struct seat *seat)
{
	assert(!seat->lost);
	seat->lost = true;
	if (seat->quorum || !seat->started)
		seat->call.quorum(seat->call.ctx, false);
	seat->quorum = false;
}

void seat_quorum(struct seat *seat, bool have)
{
	assert(!seat->lost);
	if (!seat->started || seat->quorum == have)
		return;
	seat->quorum = have;
	seat->call.quorum(seat->call.ctx, have);
}

void seat_encode(const struct seat *seat, uint8_t bytes[SEAT_BYTES])
{
	assert(!seat->lost);
	group_number_encode(bytes, seat->order);
	group_number_encode(bytes + 8, (seat->started ? SEAT_STARTED : 0) |
					       (seat->started && !seat->quorum ? SEAT_PAUSED : 0) |
					       (seat->joined ? SEAT_JOINED : 0));
	group_number_encode(bytes + 16, seat->secret);
}

int seat_decode(struct seat *seat, const uint8_t bytes[SEAT_BYTES])
{
	uint64_t flags = group_number_decode(bytes + 8), secret = group_number_decode(bytes + 16);

	if (!secret || flags > (SEAT_STARTED | SEAT_JOINED | SEAT_PAUSED) ||
	    (flags && !(flags & SEAT_STARTED)))
		return -EBADMSG;
	seat->secret = secret;
	seat->order = group_number_decode(bytes);
	seat->started = flags & SEAT_STARTED;
	seat->quorum = seat->started && !(flags & SEAT_PAUSED);
	seat->joined = flags & SEAT_JOINED;
	return 0;
}
