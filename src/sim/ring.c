/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/ring.h"

#include <stdlib.h>
#include <string.h>

#include "core/council.h"
#include "sim/world.h"

#define RING_STEP   64	  /* of the numbers, as group/totem.c makes them */
#define UNSENT_ROOM 1024u /* bytes */
/* Two messages may be of one thought. */
#define UNSENT_MORE (2 * (COUNCIL_HEAD + COMMAND_BYTES))

static uint32_t all_machines(const struct world *w)
{
	return (1u << w->nodes) - 1;
}

static void put_hear(struct world *w, int node)
{
	struct sim_event event = world_event(w, EVENT_HEAR, -1);

	event.a = node;
	world_put(w, event, world_random(w, 1, w->group_delay_us_max));
}

static void log_add(struct world *w, struct ring *ring, const struct parcel *like, const void *head,
		    size_t head_bytes, const void *body, size_t body_bytes)
{
	parcels_add(&ring->log, like, head, head_bytes, body, body_bytes);
	ring->count++;
	if (like->kind == PARCEL_PRESENT)
		ring->present = like->set;
	for (int node = 0; node < w->nodes; node++)
		if (ring->machines >> node & 1 && w->machine[node].ring == ring)
			put_hear(w, node);
}

/* The machine takes the next entry of its ring's log. False: there is none. */
static bool take_next(struct machine *m)
{
	struct parcel *parcel = m->ring ? *m->next : NULL;

	if (!parcel)
		return false;
	m->next = &parcel->next;
	m->taken++;
	assert(m->taken <= m->ring->count);
	if (m->has_member)
		parcels_add(&m->reports, parcel, parcel->bytes, parcel->len, NULL, 0);
	return true;
}

static void report_view(struct world *w, int node)
{
	struct machine *m = &w->machine[node];
	struct parcel view = { .kind = PARCEL_VIEW,
			       .number = m->ring->number,
			       .set = m->ring->present };
	struct parcel quorum = {
		.kind = PARCEL_QUORUM,
		.number = m->ring->number,
		.have = __builtin_popcount(m->ring->machines) > w->nodes / 2,
	};

	assert(m->has_member);
	parcels_add(&m->quorums, &quorum, NULL, 0, NULL, 0);
	parcels_add(&m->reports, &view, NULL, 0, NULL, 0);
	put_hear(w, node);
}

void ring_flush(struct world *w, int node)
{
	struct machine *m = &w->machine[node];
	struct parcel *parcel;

	while (m->ring && w->now_us >= m->full_until_us && (parcel = parcels_take(&m->unsent))) {
		log_add(w, m->ring, parcel, parcel->bytes, parcel->len, NULL, 0);
		free(parcel);
	}
}

/* As if it were one of the new ring, when the new epoch has begun: a member says HELD then, and not before. */
static void hear_again(struct machine *m, const uint8_t *head)
{
	struct parcel *last = head[2] == COUNCIL_HELD ? parcels_take(&m->again) : NULL;

	if (!last)
		return;
	memcpy(last->bytes + 8, head + 8, 8);
	parcels_add(&m->unsent, last, last->bytes, last->len, NULL, 0);
	free(last);
}

static size_t unsent_bytes(const struct machine *m)
{
	size_t bytes = 0;

	for (const struct parcel *parcel = m->unsent.first; parcel; parcel = parcel->next)
		bytes += parcel->len;
	return bytes;
}

bool ring_has_room(const struct world *w, int node)
{
	assert(node >= 0 && node < w->nodes);
	return unsent_bytes(&w->machine[node]) < UNSENT_ROOM;
}

/* It says so to all that send: "try again". */
static void take_nothing(struct world *w)
{
	int node = (int)world_random(w, 0, (uint64_t)w->nodes - 1);

	w->machine[node].full_until_us = w->now_us + world_random(w, 1000, 200000);
	w->report->fulls++;
	world_log(w, "the multicast at machine %d takes nothing", node);
}

void ring_multicast(struct world *w, int node, const uint8_t *head, const uint8_t *payload,
		    size_t bytes)
{
	struct machine *m = &w->machine[node];
	struct parcel like = { .kind = PARCEL_MESSAGE, .from = node };

	assert(m->has_member);
	if (!m->works)
		return;
	/* The messages that cannot wait are short: one for a ring, or for a change of its members. */
	if (head[2] != COUNCIL_HELLO && head[2] != COUNCIL_ASK &&
	    unsent_bytes(m) > UNSENT_ROOM + UNSENT_MORE)
		world_fail(w, "I4: node %d sends while the multicast takes nothing", node);
	parcels_add(&m->unsent, &like, head, COUNCIL_HEAD, payload, bytes);
	hear_again(m, head);
	if (world_chance(w, 80))
		ring_flush(w, node);
}

void ring_join(struct world *w, int node)
{
	struct machine *m = &w->machine[node];
	struct parcel like = { .kind = PARCEL_PRESENT };

	assert(!m->has_member);
	m->has_member = true;
	if (!m->ring)
		return;
	like.set = m->ring->present | 1u << node;
	log_add(w, m->ring, &like, NULL, 0, NULL, 0);
	m->next = m->ring->log.last;
	m->taken = m->ring->count;
	report_view(w, node);
}

void ring_leave(struct world *w, int node)
{
	struct machine *m = &w->machine[node];
	struct parcel like = { .kind = PARCEL_PRESENT };

	assert(m->has_member);
	ring_flush(w, node);
	m->has_member = false;
	parcels_deinit(&m->unsent);
	parcels_deinit(&m->again);
	parcels_deinit(&m->reports);
	parcels_deinit(&m->quorums);
	if (!m->ring)
		return;
	like.set = m->ring->present & ~(1u << node);
	log_add(w, m->ring, &like, NULL, 0, NULL, 0);
}

/* ---- rings ---- */

static void ring_drop(struct machine *m)
{
	struct ring *ring = m->ring;

	m->ring = NULL;
	m->next = NULL;
	m->taken = 0;
	if (!ring)
		return;
	assert(ring->users > 0);
	if (--ring->users)
		return;
	parcels_deinit(&ring->log);
	free(ring);
}

/* Of those that go together from one ring to another each takes the same of the first one. */
static void cut_together(struct world *w, struct ring *old, uint32_t machines)
{
	struct machine *farthest = NULL;

	for (int node = 0; node < w->nodes; node++) {
		struct machine *m = &w->machine[node];

		if (machines >> node & 1 && m->ring == old &&
		    (!farthest || m->taken > farthest->taken))
			farthest = m;
	}
	assert(farthest);
	for (uint64_t more = world_random(w, 0, 3); more; more--)
		take_next(farthest);
	for (int node = 0; node < w->nodes; node++) {
		struct machine *m = &w->machine[node];

		while (machines >> node & 1 && m->ring == old && m->taken < farthest->taken)
			take_next(m);
	}
}

/* The mutation: the last own command of the old ring is kept, to be heard once more. */
static void keep_last(struct machine *m, int node)
{
	const struct parcel *last = NULL;

	for (const struct parcel *p = m->ring->log.first; p; p = p->next)
		if (p->kind == PARCEL_MESSAGE && p->from == node && p->len > COUNCIL_HEAD)
			last = p;
	parcels_deinit(&m->again);
	if (last)
		parcels_add(&m->again, last, last->bytes, last->len, NULL, 0);
	assert(!m->again.first == !last);
}

/* Own messages that nobody here has got in the old ring are sent in the new one. */
static void send_rest(struct world *w, int node, struct ring *ring)
{
	struct machine *m = &w->machine[node];

	if (world_mutated(w, SIM_HEARD_AGAIN))
		keep_last(m, node);
	for (struct parcel *p = m->next ? *m->next : NULL; p; p = p->next)
		if (p->kind == PARCEL_MESSAGE && p->from == node)
			log_add(w, ring, p, p->bytes, p->len, NULL, 0);
}

static void ring_form(struct world *w, uint32_t machines)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	struct parcel unsettle = { .kind = PARCEL_UNSETTLE };

	if (!ring)
		abort();
	assert(machines);
	w->ring_number += RING_STEP;
	ring->number = w->ring_number;
	ring->machines = machines;
	parcels_init(&ring->log);
	world_log(w, "machines %x are a ring, %llu", machines, (unsigned long long)ring->number);
	w->report->rings++;
	for (int node = 0; node < w->nodes; node++)
		if (machines >> node & 1)
			w->report->joins_cut += w->member[node].asks;
	for (int node = 0; node < w->nodes; node++) {
		if (machines >> node & 1 && w->machine[node].ring)
			cut_together(w, w->machine[node].ring, machines);
		if (machines >> node & 1 && w->machine[node].has_member)
			ring->present |= 1u << node;
	}
	for (int node = 0; node < w->nodes; node++) {
		struct machine *m = &w->machine[node];

		if (!(machines >> node & 1))
			continue;
		if (m->has_member && m->ring) {
			parcels_add(&m->reports, &unsettle, NULL, 0, NULL, 0);
			send_rest(w, node, ring);
		}
		ring_drop(m);
		m->ring = ring;
		ring->users++;
		m->next = &ring->log.first;
		/* Those that came to the ring before have sent what it is to take as well. */
		for (uint64_t i = 0; i < ring->count; i++)
			put_hear(w, node);
		if (m->has_member)
			report_view(w, node);
	}
}

/* The machines of each side find each other. */
static void reform(struct world *w)
{
	for (int side = 0; side < w->nodes; side++) {
		uint32_t set = 0;
		bool same = true;

		for (int node = 0; node < w->nodes; node++)
			if (w->machine[node].works && w->machine[node].side == side)
				set |= 1u << node;
		for (int node = 0; node < w->nodes; node++)
			if (set >> node & 1 &&
			    (!w->machine[node].ring || w->machine[node].ring->machines != set))
				same = false;
		if (set && !same)
			ring_form(w, set);
	}
}

static void reform_later(struct world *w, uint64_t most_us)
{
	struct sim_event event = world_event(w, EVENT_REFORM, -1);

	world_put(w, event, world_random(w, 1, most_us));
}

bool ring_is_whole(const struct world *w)
{
	const struct ring *ring = w->machine[0].ring;

	if (w->forgetful || !ring || ring->machines != all_machines(w))
		return false;
	for (int node = 0; node < w->nodes; node++)
		if (!w->node[node].incarnation || !w->member[node].envoy ||
		    !envoy_is_placed(w->member[node].envoy))
			return false;
	return true;
}

/* They fall apart, or come together. They do not fall apart while a node without a memory has not got one. */
static void apart(struct world *w)
{
	int sides = w->forgetful ? 1 : (int)world_random(w, 1, w->nodes < 3 ? 2 : 3);

	for (int node = 0; node < w->nodes; node++)
		w->machine[node].side = (int)world_random(w, 0, (uint64_t)sides - 1);
	/* The cable that the links use is another one, or the same. */
	for (int a = 0; a < w->nodes; a++)
		for (int b = 0; b < a; b++)
			if (world_chance(w, 50))
				fault_reach(w, a, b, w->machine[a].side == w->machine[b].side);
	reform_later(w, 20000);
}

/*
 * A cable that goes on and off, or that carries one way only. Each time the machine is heard, or not heard any more,
 * there is a new ring; of the same machines where it is found again at once.
 */
static void flap(struct world *w, int node, int times)
{
	struct machine *m = &w->machine[node];
	struct sim_event event = world_event(w, EVENT_FLAP, -1);
	uint32_t same = 0;

	if (!m->works || !m->ring)
		return;
	for (int other = 0; other < w->nodes; other++)
		if (w->machine[other].works && w->machine[other].ring == m->ring)
			same |= 1u << other;
	w->report->flaps++;
	if (w->forgetful || world_chance(w, 40)) {
		ring_form(w, same);
	} else {
		m->side = m->side ? 0 : w->nodes - 1;
		reform(w);
	}
	event.a = node;
	event.b = times - 1;
	if (event.b > 0)
		world_put(w, event, world_random(w, 100, 20000));
}

void ring_stop(struct world *w, int node, bool is_machine)
{
	struct machine *m = &w->machine[node];
	struct parcel cut = { .kind = PARCEL_CUT };

	assert(m->works);
	world_log(w, is_machine ? "machine %d ends" : "the multicast at machine %d ends", node);
	m->works = false;
	ring_drop(m);
	parcels_deinit(&m->unsent);
	parcels_deinit(&m->again);
	parcels_deinit(&m->reports);
	parcels_deinit(&m->quorums);
	if (m->has_member) {
		parcels_add(&m->reports, &cut, NULL, 0, NULL, 0);
		put_hear(w, node);
	}
	reform_later(w, 50000);
}

void ring_go_on(struct world *w, int node)
{
	struct machine *m = &w->machine[node];

	if (m->works)
		return;
	world_log(w, "the multicast at machine %d is back", node);
	m->works = true;
	reform_later(w, 20000);
}

static void lose_multicast(struct world *w)
{
	int node = (int)world_random(w, 0, (uint64_t)w->nodes - 1);
	struct sim_event event = world_event(w, EVENT_MULTICAST_BACK, -1);

	if (!w->machine[node].works || w->forgetful)
		return;
	ring_stop(w, node, false);
	event.a = node;
	world_put(w, event, world_random(w, 1000, 200000));
}

void ring_on_event(struct world *w, const struct sim_event *event)
{
	switch (event->kind) {
	case EVENT_HEAR:
		take_next(&w->machine[event->a]);
		member_hear(w, event->a, false);
		break;
	case EVENT_WORD:
		member_hear_word(w, event->a, event->b, event->data);
		break;
	case EVENT_REFORM:
		reform(w);
		break;
	case EVENT_MULTICAST_BACK:
		ring_go_on(w, event->a);
		break;
	case EVENT_APART:
		if (!w->calm)
			apart(w);
		world_put_again(w, EVENT_APART, w->apart_period_us);
		break;
	case EVENT_MULTICAST_FULL:
		if (!w->calm)
			take_nothing(w);
		world_put_again(w, EVENT_MULTICAST_FULL, w->full_period_us);
		break;
	case EVENT_FLAP:
		if (!w->calm)
			flap(w, event->a, event->b);
		break;
	case EVENT_FLAPS:
		if (!w->calm)
			flap(w, (int)world_random(w, 0, (uint64_t)w->nodes - 1),
			     (int)world_random(w, 2, 12));
		world_put_again(w, EVENT_FLAPS, w->flap_period_us);
		break;
	case EVENT_MULTICAST_LOST:
		if (!w->calm)
			lose_multicast(w);
		world_put_again(w, EVENT_MULTICAST_LOST, 3 * w->apart_period_us);
		break;
	default:
		assert(!"an event of the rings");
	}
}

void ring_begin(struct world *w)
{
	static const uint32_t periods_us[] = { 0, 15000, 60000, 250000 };
	bool scattered = world_chance(w, 40);

	w->apart_period_us = periods_us[world_random(w, 0, 3)];
	for (int node = 0; node < w->nodes; node++) {
		struct machine *m = &w->machine[node];

		parcels_init(&m->unsent);
		parcels_init(&m->again);
		parcels_init(&m->reports);
		parcels_init(&m->quorums);
		m->works = true;
		if (scattered)
			m->side = (int)world_random(w, 0, (uint64_t)w->nodes - 1);
	}
	reform(w);
	world_put_again(w, EVENT_APART,
			scattered && !w->apart_period_us ? 60000 : w->apart_period_us);
	world_put_again(w, EVENT_MULTICAST_LOST, 3 * w->apart_period_us);
	w->flap_period_us = world_chance(w, 40) ? (uint32_t)world_random(w, 20000, 400000) : 0;
	w->full_period_us = world_chance(w, 40) ? (uint32_t)world_random(w, 10000, 200000) : 0;
	world_put_again(w, EVENT_FLAPS, w->flap_period_us);
	world_put_again(w, EVENT_MULTICAST_FULL, w->full_period_us);
}

void ring_heal(struct world *w)
{
	assert(w->calm);
	for (int node = 0; node < w->nodes; node++) {
		w->machine[node].side = 0;
		w->machine[node].works = true;
		w->machine[node].full_until_us = 0;
	}
	reform(w);
}

void ring_deinit(struct world *w)
{
	for (int node = 0; node < w->nodes; node++) {
		struct machine *m = &w->machine[node];

		parcels_deinit(&m->unsent);
		parcels_deinit(&m->again);
		parcels_deinit(&m->reports);
		parcels_deinit(&m->quorums);
		ring_drop(m);
	}
}
