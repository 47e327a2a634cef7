/* SPDX-License-Identifier: Apache-2.0 */
#include "core/council.h"

#include <errno.h>
#include <string.h>

#include "core/assert.h"
#include "core/council_part.h"
#include "wire/protocol.h"

void council_init(struct council *c, int self, uint64_t life, struct council_point seen,
		  const uint8_t join[COMMAND_BYTES], const struct council_calls *call, void *ctx)
{
	CORE_ASSERT(self >= 0 && self < NR_NODES);
	CORE_ASSERT(life);
	memset(c, 0, sizeof(*c));
	c->self = self;
	c->life = life;
	c->seen = seen;
	c->majority = NR_NODES;
	memcpy(c->join, join, COMMAND_BYTES);
	c->call = *call;
	c->ctx = ctx;
}

static void set_quorum(struct council *c, bool have)
{
	if (c->have_quorum == have)
		return;
	CORE_ASSERT(!have || c->running);
	c->have_quorum = have;
	c->call.quorum(c->ctx, have);
}

/* seen: the point that the members that go on have reached at least. */
static void go_out(struct council *c, struct council_point seen)
{
	CORE_ASSERT(!c->is_out);
	c->running = false;
	c->is_out = true;
	set_quorum(c, false);
	c->call.out(c->ctx, seen);
}

static bool misses_some(const struct council *c)
{
	return c->apart && !c->waited && c->has_state && !c->running && (c->roll & ~c->present);
}

/* A member that is placed in a running epoch has nothing to state. */
static void say_hello(struct council *c)
{
	struct council_message m = { .kind = COUNCIL_HELLO,
				     .ring = c->ring,
				     .epoch = c->epoch,
				     .heard = c->heard,
				     .life = c->life,
				     .token = (c->has_state ? COUNCIL_HAS_STATE : 0) |
					      (c->grown ? COUNCIL_HAS_GROWN : 0) |
					      (misses_some(c) ? COUNCIL_WAITS : 0),
				     .set = c->majority,
				     .to = c->present,
				     .offset = PROTOCOL_LEAST | PROTOCOL_MOST << 16 };

	if (!c->settled || c->judged != c->ring || !c->quorate || c->is_out)
		return;
	if (c->running && is_placed(c))
		return;
	if (!c->has_state) {
		m.epoch = c->seen.epoch;
		m.heard = c->seen.heard;
	} else if (c->running) {
		m.epoch = c->base_epoch;
		m.heard = c->base;
	}
	council_say(c, &m);
}

/* How many of the roll are known to hold command n. This member holds all commands that it has heard. */
static unsigned holders(const struct council *c, uint64_t n)
{
	uint32_t left = c->roll & c->placed;
	unsigned count = 0;

	for (; left; left &= left - 1) {
		int node = lowest_of(left);

		count += node == c->self ? n <= c->heard : n <= c->held[node];
	}
	return count;
}

static uint8_t *command_of(struct council *c, uint64_t n)
{
	CORE_ASSERT(n > c->decided);
	CORE_ASSERT(n <= c->heard);
	return c->tail[n % COUNCIL_TAIL];
}

unsigned council_needed(const struct council *c)
{
	unsigned roll = count_of(c->roll);

	if (!c->grown && roll < c->majority)
		return roll ? roll : 1;
	return c->majority;
}

/* There is a quorum where there is one of machines, and enough members on them can hold what is decided. */
static void weigh(struct council *c)
{
	bool machines = c->judged != c->ring || c->quorate;

	if (!c->running || !c->has_state || c->is_out)
		return;
	if (count_of(c->roll) >= c->majority)
		c->grown = true;
	set_quorum(c, machines && count_of(c->roll & c->placed) >= council_needed(c));
}

/*
 * A command is held by those that hold a later one: the latest that enough hold decides all before it. A joiner that
 * has its state decides as the others do, also before its own NODE_JOIN: much may be numbered before that.
 */
void council_decide(struct council *c)
{
	unsigned need = council_needed(c);
	uint64_t last = c->heard;

	weigh(c);
	if (!c->running || !c->has_state || !c->have_quorum)
		return;
	council_words_believe(c);
	while (last > c->decided && holders(c, last) < need)
		last--;
	while (c->decided < last && !c->is_out) {
		const uint8_t *command = command_of(c, c->decided + 1);

		c->decided++;
		c->call.deliver(c->ctx, c->decided, command);
	}
	CORE_ASSERT(c->decided <= c->heard);
}

static struct council_point here(const struct council *c)
{
	return (struct council_point){ c->epoch, c->heard };
}

/* After the roll has changed, if the command changes it. */
static void number(struct council *c, const uint8_t command[COMMAND_BYTES])
{
	CORE_ASSERT(c->running && c->has_state);
	if (c->heard - c->decided >= COUNCIL_TAIL) {
		go_out(c, here(c)); /* it cannot hold what it is to hold */
		return;
	}
	c->heard++;
	c->foreign = c->heard;
	memcpy(command_of(c, c->heard), command, COMMAND_BYTES);
	council_chain_add(c, command);
}

static void number_leave(struct council *c, int node)
{
	struct command leave = {
		.version = COMMAND_VERSION, .kind = COMMAND_NODE_LEAVE, .origin = -1, .node = node
	};
	uint8_t bytes[COMMAND_BYTES];

	CORE_ASSERT(c->roll & bit(node));
	c->roll &= ~bit(node);
	c->placed &= ~bit(node);
	if (node == c->self) {
		go_out(c, here(c));
		return;
	}
	command_encode(&leave, bytes);
	number(c, bytes);
}

static void leave_all(struct council *c, uint32_t nodes)
{
	CORE_ASSERT(c->running && c->has_state);
	for (; nodes && !c->is_out; nodes &= nodes - 1)
		if (c->roll & bit(lowest_of(nodes)))
			number_leave(c, lowest_of(nodes));
}

void council_unsettle(struct council *c)
{
	CORE_ASSERT(c->self >= 0);
	c->settled = false;
	c->running = false;
	c->greeted = 0;
}

void council_cut(struct council *c)
{
	council_unsettle(c);
	c->apart = true;
	c->waited = false;
	c->ring = c->judged = 0;
	c->present = 0;
	if (!c->is_out)
		set_quorum(c, false);
}

void council_view(struct council *c, uint64_t ring, uint32_t present)
{
	CORE_ASSERT(ring);
	if (c->is_out)
		return;
	council_unsettle(c);
	c->ring = ring;
	c->present = present;
	c->settled = true;
	if (c->judged == ring && !c->quorate)
		set_quorum(c, false);
	say_hello(c);
}

/* It may come before the view that it is about: commands of the last one are numbered as the others do it. */
void council_quorum(struct council *c, uint64_t ring, bool have, uint32_t majority)
{
	CORE_ASSERT(ring);
	CORE_ASSERT(majority);
	if (c->is_out)
		return;
	c->judged = ring;
	c->quorate = have;
	c->majority = majority;
	if (!have) {
		c->apart = true;
		c->waited = false;
	}
	if (!c->settled || ring != c->ring)
		return;
	if (!have)
		set_quorum(c, false);
	council_decide(c);
	say_hello(c);
}

void council_present(struct council *c, uint32_t present)
{
	uint32_t gone = c->present & ~present;

	CORE_ASSERT(NR_NODES <= 32);
	if (c->is_out)
		return;
	c->present = present;
	c->greeted = 0;
	if (c->running && c->has_state) {
		leave_all(c, gone);
		c->placed &= ~gone;
		council_decide(c);
	}
	say_hello(c);
}

static bool knows_more(struct council_point a, struct council_point b)
{
	return a.epoch != b.epoch ? a.epoch > b.epoch : a.heard > b.heard;
}

static bool is_same(struct council_point a, struct council_point b)
{
	return a.epoch == b.epoch && a.heard == b.heard;
}

/*
 * The members that have said that they know something; *point: the most of it; *most: a member that has that state,
 * or -1: there is none.
 */
static uint32_t knowing(const struct council *c, struct council_point *point, int *most)
{
	uint32_t set = 0;

	*point = (struct council_point){ 0 };
	*most = -1;
	for (uint32_t left = c->greeted; left; left &= left - 1) {
		int node = lowest_of(left);

		if (!c->hello[node].point.epoch)
			continue;
		set |= bit(node);
		if (knows_more(c->hello[node].point, *point)) {
			*point = c->hello[node].point;
			*most = -1;
		}
		if (is_same(c->hello[node].point, *point) && c->hello[node].has_state && *most < 0)
			*most = node;
	}
	CORE_ASSERT(!set == !point->epoch);
	return set;
}

/* Nobody has a state: the lowest begins with an empty one. */
static void found(struct council *c)
{
	int founder = lowest_of(c->present);

	c->running = true;
	c->apart = false;
	if (founder != c->self) {
		c->call.began(c->ctx);
		return;
	}
	CORE_ASSERT(!c->has_state);
	c->has_state = true;
	c->epoch = c->ring;
	council_chain_begin(c);
	c->heard = c->decided = c->base = c->base_epoch = c->foreign = 0;
	c->said_held = c->said_aside = 0;
	c->roll = 0;
	c->placed = bit(c->self);
	c->grown = false;
	c->call.began(c->ctx);
}

/* Those that have what the most knowing one has are placed; the nodes of all others of the roll have left. */
static void begin(struct council *c, int most)
{
	struct council_point point = c->hello[most].point;
	uint32_t same = 0;

	CORE_ASSERT(!c->running);
	CORE_ASSERT(c->greeted & bit(most));
	c->running = true;
	c->apart = false;
	if (!c->has_state) {
		c->call.began(c->ctx);
		return;
	}
	if (!is_same(here(c), point)) {
		go_out(c, point);
		return;
	}
	for (uint32_t left = c->greeted; left; left &= left - 1) {
		int node = lowest_of(left);

		if (c->hello[node].has_state && is_same(c->hello[node].point, point) &&
		    (!(c->roll & bit(node)) || c->hello[node].life == c->lives[node]))
			same |= bit(node);
	}
	c->base_epoch = point.epoch;
	c->base = point.heard;
	c->epoch = c->ring;
	council_chain_begin(c);
	c->placed = same;
	c->said_held = c->said_aside = point.heard;
	for (; same; same &= same - 1)
		c->held[lowest_of(same)] = point.heard;
	leave_all(c, c->roll & ~c->placed & (~c->present | c->greeted));
	council_decide(c);
	if (!c->is_out)
		c->call.began(c->ctx);
}

static uint32_t waiting(const struct council *c)
{
	uint32_t set = 0;

	for (uint32_t left = c->greeted; left; left &= left - 1)
		if (c->hello[lowest_of(left)].waits)
			set |= left & -left;
	CORE_ASSERT(!(set & ~c->greeted));
	return set;
}

static void try_begin(struct council *c)
{
	bool all = (c->greeted & c->present) == c->present;
	struct council_point point;
	uint32_t know, wait = waiting(c);
	bool enough;
	int most;

	know = knowing(c, &point, &most);
	if (!know) {
		/* Also where an epoch runs: of its members none is left. */
		if (all && !(c->running && c->has_state))
			found(c);
		return;
	}
	if (most < 0 || c->running)
		return;
	CORE_ASSERT(know & bit(most));
	/*
	 * A command that a majority has decided is known to one member of any majority. Fewer may
	 * have missed it.
	 */
	enough = !c->hello[most].grown || count_of(c->greeted) >= c->hello[most].majority;
	if ((all && enough && !wait) || count_of(know & ~wait) >= c->hello[most].majority)
		begin(c, most);
}

/* The HELLO of a member that was not heard when the epoch began. */
static void greet_late(struct council *c, const struct council_message *m)
{
	bool same =
		m->token & COUNCIL_HAS_STATE && m->epoch == c->base_epoch && m->heard == c->base;

	if (!c->has_state || (c->placed & bit(m->node)))
		return;
	if (same && (!(c->roll & bit(m->node)) || m->life == c->lives[m->node])) {
		c->placed |= bit(m->node);
		c->held[m->node] = c->base;
	} else if (c->roll & bit(m->node)) {
		number_leave(c, m->node);
	}
	council_decide(c);
}

static void on_hello(struct council *c, const struct council_message *m)
{
	if (!c->settled || m->ring != c->ring || !m->set || !(c->present & bit(m->node)))
		return;
	if (c->running && c->has_state)
		greet_late(c, m);
	if (c->is_out || m->to != c->present)
		return;
	c->greeted |= bit(m->node);
	c->hello[m->node].point = (struct council_point){ m->epoch, m->heard };
	c->hello[m->node].has_state = m->token & COUNCIL_HAS_STATE;
	c->hello[m->node].grown = m->token & COUNCIL_HAS_GROWN;
	c->hello[m->node].waits = m->token & COUNCIL_WAITS;
	c->hello[m->node].life = m->life;
	c->hello[m->node].majority = m->set;
	try_begin(c);
}

static void on_held(struct council *c, const struct council_message *m)
{
	uint64_t heard = m->heard > c->heard ? c->heard : m->heard;

	CORE_ASSERT(c->running && c->has_state);
	if (!(c->placed & bit(m->node)))
		return;
	if (m->node != c->self)
		council_word_note(c, m);
	if (heard > c->held[m->node])
		c->held[m->node] = heard;
}

static void on_command(struct council *c, int node, const uint8_t bytes[COMMAND_BYTES])
{
	uint64_t foreign = c->foreign;
	struct command cmd;

	CORE_ASSERT(c->running && c->has_state);
	if (!(c->roll & c->placed & bit(node)) || command_decode(&cmd, bytes, COMMAND_BYTES) < 0 ||
	    cmd.origin != node || cmd.kind == COMMAND_NODE_JOIN || cmd.kind == COMMAND_NODE_LEAVE)
		return;
	number(c, bytes);
	c->wait |= bit(node);
	if (node != c->self || c->is_out)
		return;
	c->foreign = foreign;
	c->call.numbered(c->ctx);
}

/* One that is no command, or not of that node, gets no number, and those behind it do: every member sees the same. */
static void on_commands(struct council *c, const struct council_message *m)
{
	CORE_ASSERT(m->bytes % COMMAND_BYTES == 0);
	on_held(c, m);
	for (uint32_t at = 0; at < m->bytes && !c->is_out; at += COMMAND_BYTES)
		on_command(c, m->node, m->payload + at);
}

static void on_join(struct council *c, const struct council_message *m)
{
	struct command cmd;

	if (command_decode(&cmd, m->payload, m->bytes) < 0 || cmd.kind != COMMAND_NODE_JOIN ||
	    cmd.node != m->node || !(c->present & bit(m->node)))
		return;
	if (c->roll & bit(m->node)) {
		if (c->lives[m->node] == m->life)
			return;
		number_leave(c, m->node);
		if (c->is_out)
			return;
	}
	c->roll |= bit(m->node);
	c->placed |= bit(m->node);
	c->lives[m->node] = m->life;
	c->held[m->node] = 0;
	council_word_forget(c, m->node);
	number(c, m->payload);
}

void council_hear(struct council *c, const struct council_message *m)
{
	CORE_ASSERT(m->kind != COUNCIL_ASK);
	CORE_ASSERT(m->kind != COUNCIL_STATE);
	if (c->is_out)
		return;
	if (m->kind == COUNCIL_HELLO) {
		on_hello(c, m);
		return;
	}
	if (!c->running || !c->has_state || m->ring != c->epoch)
		return;
	switch (m->kind) {
	case COUNCIL_COMMAND:
		on_commands(c, m);
		break;
	case COUNCIL_JOIN:
		on_join(c, m);
		break;
	default:
		on_held(c, m);
		break;
	}
	council_decide(c);
}

bool council_is_placed(const struct council *c)
{
	CORE_ASSERT(!c->running || !c->is_out);
	return c->running && is_placed(c);
}

bool council_waits(const struct council *c)
{
	return misses_some(c) && c->settled && c->judged == c->ring && c->quorate && !c->is_out;
}

void council_waited(struct council *c)
{
	CORE_ASSERT(council_waits(c));
	c->waited = true;
	CORE_ASSERT(!council_waits(c));
	say_hello(c);
}
