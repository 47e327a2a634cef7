/* SPDX-License-Identifier: Apache-2.0 */
#include "core/council.h"

#include "core/assert.h"
#include "core/council_part.h"

/* What a member says of itself in a running epoch: its commands, its NODE_JOIN, and how far it holds the commands. */

void council_say(struct council *c, struct council_message *m)
{
	CORE_ASSERT(!c->is_out);
	CORE_ASSERT(c->settled);
	m->node = c->self;
	c->call.send(c->ctx, m);
}

/*
 * Of the commands that this member has heard and has not said to hold, all are its own, and the others are enough to
 * decide them among themselves. They need no word of it, and its own decision waits for theirs.
 */
static bool others_suffice(const struct council *c)
{
	CORE_ASSERT(is_placed(c));
	return c->said_held >= c->foreign &&
	       count_of(c->roll & c->placed & ~bit(c->self)) >= council_needed(c);
}

bool council_owes(const struct council *c)
{
	uint32_t others = c->roll & c->placed & ~bit(c->self);

	if (!c->running || c->is_out || !is_placed(c) || c->heard == c->said_held)
		return false;
	CORE_ASSERT(c->said_held < c->heard);
	for (; others; others &= others - 1)
		if (c->held[lowest_of(others)] < c->heard)
			return true;
	return false;
}

void council_say_held(struct council *c)
{
	struct council_message held = { .kind = COUNCIL_HELD, .ring = c->epoch, .heard = c->heard };

	CORE_ASSERT(c->said_held < c->heard);
	c->said_held = c->heard;
	if (c->roll & ~bit(c->self)) /* nobody else asks */
		council_say(c, &held);
}

void council_settle(struct council *c)
{
	struct council_message join = { .kind = COUNCIL_JOIN,
					.ring = c->epoch,
					.life = c->life,
					.payload = c->join,
					.bytes = COMMAND_BYTES };

	if (!c->running || !c->has_state)
		return;
	if (!(c->roll & bit(c->self)) && c->join_epoch != c->epoch) {
		c->join_epoch = c->epoch;
		council_say(c, &join);
	}
	if (is_placed(c) && c->heard != c->said_held && !others_suffice(c))
		council_say_held(c);
}

bool council_takes(const struct council *c)
{
	return c->running && c->have_quorum && is_placed(c) && (c->roll & bit(c->self));
}

void council_propose(struct council *c, const uint8_t *commands, uint32_t count)
{
	struct council_message m = { .kind = COUNCIL_COMMAND,
				     .ring = c->epoch,
				     .heard = c->heard,
				     .payload = commands,
				     .bytes = count * COMMAND_BYTES };

	CORE_ASSERT(council_takes(c));
	CORE_ASSERT(count > 0 && count <= COUNCIL_BATCH_MAX);
	council_say(c, &m);
}
