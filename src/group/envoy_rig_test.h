/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_ENVOY_RIG_TEST_H
#define DVS_GROUP_ENVOY_RIG_TEST_H

/*
 * The rig of the envoys' test: members on a multicast that is made here, with machines that fall apart into rings and
 * come together again. The messages to the members keep to group/contract.h. For test programs.
 */
#include "group/envoy.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/prng.h"
#include "base/test.h"
#include "group/contract.h"
#include "os/clock.h"
#include "wire/group.h"

#define MACHINES   5
#define MAJORITY   3
#define RINGS_MAX  4096
#define QUEUE_ROOM 4u
#define WORDS	   16

struct event {
	struct event *next;
	int from; /* -1: the members changed */
	uint32_t present;
	size_t len;
	uint8_t bytes[];
};

/* The messages of one ring, in their order. */
struct ring {
	uint64_t number;
	uint32_t machines;
	uint32_t present; /* as of the end of the log */
	struct event *first, **last;
};

struct member {
	struct envoy *envoy;
	int node;
	struct ring *ring;   /* of its machine */
	struct event **next; /* it has heard what is before */
	bool up, joined, out, told;
	uint64_t asks[64]; /* tokens that were not answered yet */
	int ask_count;
	uint64_t order, hash, request, secret;
	unsigned staying; /* proposed, and not come back */
	int restores;
	struct council_point seen;
	struct event *queue, **queue_last; /* to be multicast */
	unsigned waiting;		   /* of them */
};

static struct world {
	struct prng prng;
	struct member member[MACHINES];
	struct ring ring[RINGS_MAX];
	unsigned rings;
	uint64_t number, lives;
	int64_t now;
	struct contract *contract;
	bool slow; /* the multicast takes nothing for a while */
	/* Words aside, to be heard by anybody at any time, or never. */
	struct {
		int from, to;
		uint8_t head[COUNCIL_HEAD];
	} word[WORDS];
	bool deaf; /* they are all lost */
} world;

static struct event *event_new(int from, uint32_t present, const uint8_t *head,
			       const uint8_t *payload, size_t bytes)
{
	struct event *event = calloc(1, sizeof(*event) + COUNCIL_HEAD + bytes);

	if (!event)
		exit(1);
	event->from = from;
	event->present = present;
	if (head) {
		event->len = COUNCIL_HEAD + bytes;
		memcpy(event->bytes, head, COUNCIL_HEAD);
		if (bytes)
			memcpy(event->bytes + COUNCIL_HEAD, payload, bytes);
	}
	return event;
}

static void ring_add(struct ring *ring, struct event *event)
{
	*ring->last = event;
	ring->last = &event->next;
	if (event->from < 0)
		ring->present = event->present;
}

/* Flow control may hold messages back, also into the next ring. */
static void member_flush(struct member *m)
{
	while (m->queue) {
		struct event *event = m->queue;

		m->queue = event->next;
		event->next = NULL;
		ring_add(m->ring, event);
	}
	m->waiting = 0;
	m->queue_last = &m->queue;
}

static void on_multicast(void *ctx, const uint8_t *head, const uint8_t *payload, size_t bytes)
{
	struct member *m = ctx;
	struct event *event = event_new(m->node, 0, head, payload, bytes);

	*m->queue_last = event;
	m->queue_last = &event->next;
	/* A HELLO for each change of the members, and an ASK. */
	CHECK(++m->waiting < QUEUE_ROOM + 40);
	if (prng_below(&world.prng, 4) && !world.slow)
		member_flush(m);
}

static void on_aside(void *ctx, uint32_t members, const uint8_t *head)
{
	const struct member *m = ctx;

	CHECK(!(members >> m->node & 1));
	for (int to = 0; to < MACHINES; to++) {
		uint64_t at = prng_below(&world.prng, WORDS);

		if (!(members >> to & 1) || world.deaf)
			continue;
		world.word[at].from = m->node;
		world.word[at].to = to;
		memcpy(world.word[at].head, head, COUNCIL_HEAD);
	}
}

static void hear_words(uint64_t count)
{
	for (; count; count--) {
		uint64_t at = prng_below(&world.prng, WORDS);
		int from = world.word[at].from, to = world.word[at].to;

		if (from == to || !world.member[to].up || world.member[to].out)
			continue;
		envoy_hear_aside(world.member[to].envoy, from, world.word[at].head, COUNCIL_HEAD);
	}
}

static bool on_can_send(void *ctx)
{
	return ((struct member *)ctx)->waiting < QUEUE_ROOM;
}

static void tell_quorum(struct member *m, bool have)
{
	if (m->told == have)
		return;
	m->told = have;
	contract_quorum(world.contract, m->node, have);
}

static void on_restore(void *ctx, uint64_t order, const uint8_t *state, size_t len)
{
	struct member *m = ctx;

	CHECK(len >= sizeof(m->hash) && len < 100000);
	m->restores++;
	tell_quorum(m, true); /* as the seat does */
	m->order = order;
	memcpy(&m->hash, state, sizeof(m->hash));
	contract_restored(world.contract, m->node, order, state, sizeof(m->hash));
}

static void on_deliver(void *ctx, uint64_t order, const uint8_t command[COMMAND_BYTES])
{
	struct member *m = ctx;
	struct command cmd;

	CHECK_EQ(command_decode(&cmd, command, COMMAND_BYTES), 0);
	if (!m->order)
		tell_quorum(m, true);
	m->order = order;
	m->hash = hash_bytes(hash_word(m->hash, order), command, COMMAND_BYTES);
	if (cmd.kind == COMMAND_NODE_JOIN && cmd.node == m->node && cmd.secret == m->secret)
		m->joined = true;
	else if (m->joined && cmd.origin == m->node && cmd.kind == COMMAND_UNBIND)
		m->staying -= cmd.flags == COMMAND_FLAG_DIED;
	contract_delivered(world.contract, m->node, order, &cmd, m->joined);
}

static void on_ask(void *ctx, uint64_t token)
{
	struct member *m = ctx;

	CHECK(m->ask_count < 64);
	m->asks[m->ask_count++] = token;
}

static void on_quorum(void *ctx, bool have)
{
	struct member *m = ctx;

	if (m->order)
		tell_quorum(m, have);
}

static void on_out(void *ctx, struct council_point seen)
{
	struct member *m = ctx;

	m->out = true;
	m->seen = seen;
	if (!m->order)
		contract_quorum(world.contract, m->node, false);
	tell_quorum(m, false);
	contract_lost(world.contract, m->node);
}

static void member_settle(struct member *m)
{
	uint8_t state[60000] = { 0 };

	memcpy(state, &m->hash, sizeof(m->hash));
	for (int i = 0; i < m->ask_count && !m->out; i++) {
		contract_gave(world.contract, m->node, state, sizeof(m->hash));
		envoy_state(m->envoy, m->asks[i], m->order, state,
			    prng_below(&world.prng, 2) ? sizeof(state) : 8);
	}
	m->ask_count = 0;
	envoy_settle(m->envoy, world.now);
}

/* Hears the next event of its ring. False: there is none. */
static bool member_hear(struct member *m)
{
	struct event *event = m->up && m->ring ? *m->next : NULL;

	if (!event)
		return false;
	m->next = &event->next;
	if (event->from < 0)
		envoy_present(m->envoy, event->present);
	else
		envoy_hear(m->envoy, event->from, event->bytes, event->len);
	return true;
}

static int foreigners;

static void on_foreign(void *ctx, int node, const struct protocol_speaker *speaker)
{
	(void)ctx;
	CHECK_EQ(node, 5);
	foreigners += speaker ? 1 : 100;
}

static void member_start(struct member *m)
{
	static const struct envoy_calls calls = { on_multicast, on_aside,   on_can_send,
						  on_restore,	on_deliver, on_ask,
						  on_quorum,	on_out,	    on_foreign };
	struct command join = { .version = COMMAND_VERSION,
				.kind = COMMAND_NODE_JOIN,
				.origin = m->node,
				.node = m->node,
				.secret = ++world.lives };
	struct ring *ring = m->ring;
	struct council_point seen = m->seen;

	*m = (struct member){ .node = m->node, .up = true, .ring = ring, .secret = world.lives };
	contract_begin(world.contract, m->node);
	CHECK_EQ(envoy_new(&m->envoy, m->node, world.lives, seen, &join, &calls, m), 0);
	ring_add(ring, event_new(-1, ring->present | 1u << m->node, NULL, NULL, 0));
	m->next = ring->last;
	m->queue_last = &m->queue;
	envoy_view(m->envoy, ring->number, ring->present);
	envoy_quorum(m->envoy, ring->number, __builtin_popcount(ring->machines) >= MAJORITY,
		     MAJORITY);
}

static void member_stop(struct member *m)
{
	m->envoy = envoy_free(m->envoy);
	m->up = false;
	contract_end(world.contract, m->node);
	member_flush(m);
	ring_add(m->ring, event_new(-1, m->ring->present & ~(1u << m->node), NULL, NULL, 0));
}

/* Of those that go together from one ring to another each hears the same of the first one. */
static void cut_together(struct ring *old, uint32_t machines)
{
	struct member *farthest = NULL;
	unsigned longest = 0;

	for (int i = 0; i < MACHINES; i++) {
		struct member *m = &world.member[i];
		unsigned length = 0;

		if (!(machines >> i & 1) || m->ring != old || !m->up)
			continue;
		for (struct event *event = old->first; event && m->next != &event->next;
		     event = event->next)
			length++;
		if (m->next == &old->first)
			length = 0;
		else
			length++;
		if (!farthest || length > longest) {
			farthest = m;
			longest = length;
		}
	}
	for (unsigned more = farthest ? (unsigned)prng_below(&world.prng, 4) : 0; more; more--)
		member_hear(farthest);
	for (int i = 0; i < MACHINES; i++) {
		struct member *m = &world.member[i];

		if (machines >> i & 1 && m->ring == old && m->up)
			while (m->next != farthest->next && member_hear(m))
				continue;
	}
}

/* Own messages that nobody here has got in the old ring are sent in the new one. */
static void send_rest(struct member *m, struct ring *ring)
{
	for (struct event *event = *m->next; event; event = event->next)
		if (event->from == m->node)
			ring_add(ring,
				 event_new(m->node, 0, event->bytes, event->bytes + COUNCIL_HEAD,
					   event->len - COUNCIL_HEAD));
}

static void ring_form(uint32_t machines)
{
	struct ring *ring = &world.ring[world.rings++];
	bool quorate = __builtin_popcount(machines) >= MAJORITY, early;

	if (world.rings == RINGS_MAX)
		exit(1);
	world.number += 64;
	*ring = (struct ring){ .number = world.number, .machines = machines };
	ring->last = &ring->first;
	for (int i = 0; i < MACHINES; i++)
		if (machines >> i & 1 && world.member[i].ring)
			cut_together(world.member[i].ring, machines);
	for (int i = 0; i < MACHINES; i++)
		if (machines >> i & 1 && world.member[i].up)
			ring->present |= 1u << i;
	for (int i = 0; i < MACHINES; i++) {
		struct member *m = &world.member[i];

		if (!(machines >> i & 1))
			continue;
		if (m->up) {
			early = prng_below(&world.prng, 2);
			if (early)
				envoy_quorum(m->envoy, ring->number, quorate, MAJORITY);
			envoy_unsettle(m->envoy);
			send_rest(m, ring);
			m->ring = ring;
			envoy_view(m->envoy, ring->number, ring->present);
			if (!early)
				envoy_quorum(m->envoy, ring->number, quorate, MAJORITY);
		}
		m->ring = ring;
		m->next = &ring->first;
	}
}

static void fall_apart(void)
{
	uint32_t side = (uint32_t)prng_below(&world.prng, 1u << MACHINES);
	uint32_t third = (uint32_t)prng_below(&world.prng, 1u << MACHINES) & side;
	uint32_t all = (1u << MACHINES) - 1;

	if (all & ~side)
		ring_form(all & ~side);
	if (side & ~third)
		ring_form(side & ~third);
	if (third)
		ring_form(third);
}

static void propose(struct member *m)
{
	struct command cmd = { .version = COMMAND_VERSION,
			       .kind = COMMAND_UNBIND,
			       .origin = m->node,
			       .request = m->request + 1,
			       .flags = prng_below(&world.prng, 2) ? COMMAND_FLAG_DIED : 0 };
	uint8_t bytes[COMMAND_BYTES];

	if (!m->joined || !m->told || m->out || !envoy_has_room(m->envoy))
		return;
	m->request++;
	m->staying += cmd.flags == COMMAND_FLAG_DIED;
	command_encode(&cmd, bytes);
	contract_sent(world.contract, m->node, &cmd);
	envoy_propose(m->envoy, bytes);
}

static void step(struct member *m)
{
	if (!m->up)
		return;
	if (m->out) {
		member_stop(m);
		member_start(m);
	}
	if (prng_below(&world.prng, 3) == 0 && !world.slow)
		member_flush(m);
	for (uint64_t i = prng_below(&world.prng, 6); i; i--)
		member_hear(m);
	hear_words(prng_below(&world.prng, 4));
	if (prng_below(&world.prng, 3) == 0)
		propose(m);
	if (prng_below(&world.prng, 3))
		member_settle(m);
}

/* Everything is whole again, and quiet. */
static void heal(void)
{
	uint32_t up = 0;

	world.slow = false;
	ring_form((1u << MACHINES) - 1);
	for (int i = 0; i < 3000; i++) {
		world.now += OS_MS_NS;
		for (int k = 0; k < MACHINES; k++) {
			struct member *m = &world.member[k];

			if (!m->up)
				continue;
			if (m->out) {
				member_stop(m);
				member_start(m);
			}
			while (member_hear(m))
				continue;
			member_settle(m);
			member_flush(m);
		}
	}
	for (int k = 0; k < MACHINES; k++) {
		const struct member *m = &world.member[k];

		up |= m->up ? 1u << k : 0;
		/* Each once, whatever became of the quorum meanwhile. */
		CHECK(!m->up || !m->staying);
	}
	contract_rest(world.contract, up);
	if (contract_broken(world.contract))
		printf("%s\n", contract_broken(world.contract));
	CHECK(!contract_broken(world.contract));
}

static void begin_world(uint64_t seed, int members)
{
	memset(&world, 0, sizeof(world));
	prng_init(&world.prng, seed);
	world.contract = contract_new();
	CHECK(world.contract);
	for (int i = 0; i < MACHINES; i++)
		world.member[i].node = i;
	ring_form((1u << MACHINES) - 1);
	for (int i = 0; i < members; i++)
		member_start(&world.member[i]);
}

static void end_world(void)
{
	for (int i = 0; i < MACHINES; i++)
		if (world.member[i].up)
			member_stop(&world.member[i]);
	for (unsigned i = 0; i < world.rings; i++)
		while (world.ring[i].first) {
			struct event *event = world.ring[i].first;

			world.ring[i].first = event->next;
			free(event);
		}
	world.contract = contract_free(world.contract);
}

#endif
