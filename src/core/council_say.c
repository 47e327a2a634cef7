/* SPDX-License-Identifier: Apache-2.0 */
#include "core/council.h"

#include "core/assert.h"
#include "core/council_part.h"

/* The words of a member in a running epoch: its commands, its NODE_JOIN, and how far it holds the commands. */

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
	return (c->said_held >= c->foreign || c->said_aside >= c->foreign) &&
	       count_of(c->roll & c->placed & ~bit(c->self)) >= council_needed(c);
}

/* Members whose word of the last command it has not got. */
static uint32_t missing(const struct council *c, uint32_t others)
{
	uint32_t set = 0;

	CORE_ASSERT(!(others & bit(c->self)));
	for (; others; others &= others - 1)
		if (c->held[lowest_of(others)] < c->heard)
			set |= others & -others;
	return set;
}

bool council_owes(const struct council *c)
{
	uint32_t others = c->roll & c->placed & ~bit(c->self);

	if (!c->running || c->is_out || !is_placed(c))
		return false;
	CORE_ASSERT(c->asked <= c->heard);
	return c->decided < c->heard && c->asked < c->heard && missing(c, others);
}

/* asked: the members whose words it misses. */
static void say_held(struct council *c, uint32_t asked)
{
	uint32_t others = c->roll & c->placed & ~bit(c->self);
	struct council_message held = { .kind = COUNCIL_HELD,
					.ring = c->epoch,
					.heard = c->heard,
					.set = others & ~c->near,
					.to = asked };

	CORE_ASSERT(!(asked & bit(c->self)));
	c->said_held = c->heard;
	c->wanted = false;
	if (c->roll & ~bit(c->self)) /* nobody else asks */
		council_say(c, &held);
}

void council_say_held(struct council *c)
{
	uint32_t asked = missing(c, c->roll & c->placed & ~bit(c->self));

	CORE_ASSERT(council_owes(c));
	CORE_ASSERT(asked);
	c->near &= ~asked;
	c->asked = c->heard;
	say_held(c, asked);
}

static void say_aside(struct council *c, uint32_t others)
{
	struct council_message held = { .kind = COUNCIL_HELD,
					.node = c->self,
					.ring = c->epoch,
					.heard = c->heard,
					.token = c->chain,
					.set = others & ~c->near };

	CORE_ASSERT(!(others & bit(c->self)));
	CORE_ASSERT(c->running);
	c->said_aside = c->heard;
	if (others & c->wait)
		c->call.aside(c->ctx, others & c->wait, &held);
	if (others & ~c->wait)
		c->call.aside(c->ctx, others & ~c->wait, &held);
	c->wait = 0;
}

static void say_that_it_holds(struct council *c)
{
	uint32_t others = c->roll & c->placed & ~bit(c->self);

	CORE_ASSERT(is_placed(c));
	CORE_ASSERT(c->said_aside <= c->heard);
	if (c->heard == c->said_held || (others_suffice(c) && !c->wanted))
		return;
	if (c->heard != c->said_aside)
		say_aside(c, others);
	if (c->wanted || others & c->deaf || !others)
		say_held(c, 0);
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
	if (is_placed(c))
		say_that_it_holds(c);
}

bool council_takes(const struct council *c)
{
	return c->running && c->have_quorum && is_placed(c) && (c->roll & bit(c->self));
}

void council_propose(struct council *c, const uint8_t *commands, uint32_t count)
{
	uint32_t others = c->roll & c->placed & ~bit(c->self);
	struct council_message m = { .kind = COUNCIL_COMMAND,
				     .ring = c->epoch,
				     .heard = c->heard,
				     .set = others & ~c->near,
				     .payload = commands,
				     .bytes = count * COMMAND_BYTES };

	CORE_ASSERT(council_takes(c));
	CORE_ASSERT(count > 0 && count <= COUNCIL_BATCH_MAX);
	council_say(c, &m);
}
