/* SPDX-License-Identifier: Apache-2.0 */
#include "group/envoy.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/council.h"
#include "core/proposal.h"
#include "group/buffer.h"
#include "group/offers.h"
#include "wire/group.h"

#define OUTBOX	    1024u		 /* commands; a power of 2 */
#define SILENT_NS   INT64_C(1000000000)	 /* without a part of the state: another member is asked */
#define PATIENCE_NS INT64_C(10000000000) /* for members that were apart as well to be back */
#define OWED_NS	    INT64_C(10000000)	 /* for the words of others to come unasked */
#define JOURNAL_MAX (8u << 20)

struct envoy {
	struct council council;
	struct envoy_calls call;
	void *ctx;

	uint8_t outbox[OUTBOX][COMMAND_BYTES];
	/* Its proposer has been told that nobody knows: it is not sent again. */
	bool given_up[OUTBOX];
	uint64_t first, next; /* first..next wait to be numbered */
	uint64_t sent;	      /* first..sent were sent in this epoch */
	uint64_t undecided;   /* own ones that have a number */

	int64_t owes_ns;  /* since when the council misses words of others; 0: it does not */
	int64_t waits_ns; /* since when the council waits for members; 0: it does not */

	bool can_give; /* the daemon has a state: it was told one, or a command */
	struct offers offers;

	bool want, asked; /* a state; the ASK is on its way or answered */
	bool keeping;	  /* the ASK has its place, and what follows is kept */
	uint64_t token;
	int64_t asked_ns;
	int provider;	   /* -1: not known yet */
	uint32_t present;  /* at the place of the ASK */
	uint64_t restored; /* order of the state */
	struct group_buffer journal, package;
};

/* An entry of the journal: a message, or the note that the members changed. */
struct kept {
	uint32_t bytes; /* 0: the members changed */
	uint32_t present;
};

/* Messages that were on their way are of no use any more. */
static void ask_anew(struct envoy *e)
{
	if (e->council.has_state)
		return;
	e->want = true;
	e->asked = e->keeping = false;
	e->provider = -1;
	group_buffer_deinit(&e->journal);
	group_buffer_deinit(&e->package);
}

static void on_send(void *ctx, const struct council_message *m)
{
	struct envoy *e = ctx;
	uint8_t head[COUNCIL_HEAD];

	assert(m->bytes <= COUNCIL_PART_MAX);
	council_message_encode(head, m);
	e->call.multicast(e->ctx, head, m->payload, m->bytes);
}

static void on_aside(void *ctx, uint32_t members, const struct council_message *m)
{
	struct envoy *e = ctx;
	uint8_t head[COUNCIL_HEAD];

	assert(members && !m->bytes);
	council_message_encode(head, m);
	e->call.aside(e->ctx, members, head);
}

static void ask_daemon(struct envoy *e)
{
	uint64_t token;

	assert(e->can_give);
	while (offers_ask(&e->offers, &token))
		e->call.ask(e->ctx, token);
}

static void on_deliver(void *ctx, uint64_t order, const uint8_t command[COMMAND_BYTES])
{
	struct envoy *e = ctx;
	struct command cmd = { 0 };

	if (command_decode(&cmd, command, COMMAND_BYTES) == 0 && e->undecided &&
	    cmd.origin == e->council.self && cmd.kind != COMMAND_NODE_JOIN)
		e->undecided--;
	if (order > e->restored)
		e->call.deliver(e->ctx, order, command);
	e->can_give = true;
}

/* Of the commands from that place on only those stay that are not given up. */
static void tidy(struct envoy *e, uint64_t from)
{
	uint64_t to = from;

	assert(from >= e->first && from <= e->next);
	for (; from < e->next; from++) {
		if (e->given_up[from % OUTBOX])
			continue;
		if (to != from)
			memcpy(e->outbox[to % OUTBOX], e->outbox[from % OUTBOX], COMMAND_BYTES);
		e->given_up[to++ % OUTBOX] = false;
	}
	e->next = to;
}

/* Most commands that have no number yet are given up: their proposers are told so by this. */
static void on_quorum(void *ctx, bool have)
{
	struct envoy *e = ctx;
	struct command cmd;

	for (uint64_t n = e->first; n < e->next && !have; n++)
		if (command_decode(&cmd, e->outbox[n % OUTBOX], COMMAND_BYTES) < 0 ||
		    !proposal_stays(&cmd))
			e->given_up[n % OUTBOX] = true;
	assert(e->sent >= e->first);
	tidy(e, e->sent);
	e->call.quorum(e->ctx, have);
}

/* All members drop the messages that were sent before. */
static void on_began(void *ctx)
{
	struct envoy *e = ctx;

	e->sent = e->first;
	tidy(e, e->first);
	ask_anew(e);
}

static void on_numbered(void *ctx)
{
	struct envoy *e = ctx;

	e->undecided++;
	/* Else the multicast has said one of them twice. */
	if (e->first < e->sent)
		e->first++;
}

static void on_out(void *ctx, struct council_point seen)
{
	struct envoy *e = ctx;

	offers_drop(&e->offers, OFFERS_ALL);
	e->call.out(e->ctx, seen);
}

int envoy_new(struct envoy **envoyp, int self, uint64_t life, struct council_point seen,
	      const struct command *join, const struct envoy_calls *call, void *ctx)
{
	static const struct council_calls calls = { on_send,  on_aside,	   on_deliver, on_quorum,
						    on_began, on_numbered, on_out };
	struct envoy *e = calloc(1, sizeof(*e));
	uint8_t bytes[COMMAND_BYTES];

	assert(join->kind == COMMAND_NODE_JOIN && join->node == self);
	if (!e)
		return -ENOMEM;
	command_encode(join, bytes);
	council_init(&e->council, self, life, seen, bytes, &calls, e);
	e->call = *call;
	e->ctx = ctx;
	ask_anew(e);
	*envoyp = e;
	return 0;
}

struct envoy *envoy_free(struct envoy *e)
{
	if (e) {
		offers_drop(&e->offers, OFFERS_ALL);
		group_buffer_deinit(&e->journal);
		group_buffer_deinit(&e->package);
		free(e);
	}
	return NULL;
}

static void drop_transfers(struct envoy *e)
{
	offers_drop(&e->offers, OFFERS_ALL);
	ask_anew(e);
}

void envoy_unsettle(struct envoy *e)
{
	council_unsettle(&e->council);
	drop_transfers(e);
}

void envoy_cut(struct envoy *e)
{
	council_cut(&e->council);
	drop_transfers(e);
}

void envoy_view(struct envoy *e, uint64_t ring, uint32_t present)
{
	drop_transfers(e);
	council_view(&e->council, ring, present);
}

void envoy_quorum(struct envoy *e, uint64_t ring, bool have, uint32_t majority)
{
	council_quorum(&e->council, ring, have, majority);
}

static void keep(struct envoy *e, const uint8_t *bytes, size_t len)
{
	struct kept kept = { (uint32_t)len, e->council.present };

	if (!e->keeping || e->council.has_state)
		return;
	if (group_buffer_size(&e->journal) + len > JOURNAL_MAX ||
	    group_buffer_add(&e->journal, &kept, sizeof(kept)) < 0 ||
	    (len && group_buffer_add(&e->journal, bytes, len) < 0))
		ask_anew(e);
}

void envoy_present(struct envoy *e, uint32_t present)
{
	uint32_t gone = e->council.present & ~present;

	council_present(&e->council, present);
	offers_drop(&e->offers, gone);
	if (gone && e->asked && (e->provider < 0 || gone >> e->provider & 1))
		ask_anew(e);
	keep(e, NULL, 0);
}

/* Every member that is placed knows which one answers; this one may be it. */
static void on_ask(struct envoy *e, const struct council_message *m)
{
	struct council *c = &e->council;

	if (m->ring != c->ring || c->is_out)
		return;
	if (m->node == c->self) {
		if (c->has_state || m->token != e->token || !e->asked)
			return;
		e->keeping = true;
		e->present = c->present;
		return;
	}
	offers_drop(&e->offers, 1u << m->node);
	if (council_provider(c, m->node, m->token) == c->self)
		offers_add(&e->offers, c, m);
	if (e->can_give)
		ask_daemon(e);
}

/* As much of the states as the multicast has room for, the oldest first. */
static void give(struct envoy *e)
{
	struct council_message part;

	while (e->call.can_send(e->ctx) && offers_next(&e->offers, e->council.self, &part)) {
		on_send(e, &part);
		offers_sent(&e->offers, &part);
	}
}

void envoy_state(struct envoy *e, uint64_t token, uint64_t order, const uint8_t *state, size_t len)
{
	if (offers_fill(&e->offers, e->council.ring, token, order, state, len))
		give(e);
}

/* The messages that came since the ASK, once more. */
static void hear_again(struct envoy *e)
{
	struct group_buffer journal = e->journal;
	const uint8_t *at, *end;
	struct council_message m;
	struct kept kept;

	e->journal = (struct group_buffer){ 0 };
	if (!journal.bytes)
		return;
	at = journal.bytes + journal.from;
	end = journal.bytes + journal.to;
	while (at < end && !e->council.is_out) {
		memcpy(&kept, at, sizeof(kept));
		at += sizeof(kept);
		if (!kept.bytes)
			council_present(&e->council, kept.present);
		else if (council_message_decode(&m, at, kept.bytes) == 0)
			council_hear(&e->council, &m);
		at += kept.bytes;
	}
	group_buffer_deinit(&journal);
}

/* The state is whole. A member that gives nonsense is passed over as if it were silent. */
static void restore(struct envoy *e)
{
	const uint8_t *bytes = e->package.bytes + e->package.from;
	size_t total = group_buffer_size(&e->package), image;
	uint32_t present = e->council.present;

	image = total < OFFERS_HEAD ? SIZE_MAX : (size_t)group_number_decode(bytes);
	if (total < OFFERS_HEAD || image > total - OFFERS_HEAD) {
		ask_anew(e);
		return;
	}
	e->council.present = e->present;
	if (council_decode(&e->council, bytes + OFFERS_HEAD, image) < 0) {
		e->council.present = present;
		ask_anew(e);
		return;
	}
	e->want = e->asked = e->keeping = false;
	e->restored = group_number_decode(bytes + 8);
	e->can_give = true;
	e->call.restore(e->ctx, e->restored, bytes + OFFERS_HEAD + image,
			total - OFFERS_HEAD - image);
	group_buffer_deinit(&e->package);
	hear_again(e);
	assert(e->council.is_out || e->council.present == present);
}

static void on_part(struct envoy *e, const struct council_message *m)
{
	assert(m->kind == COUNCIL_STATE);
	if (e->council.has_state || !e->keeping || m->to != (uint32_t)e->council.self ||
	    m->token != e->token || m->ring != e->council.ring || m->heard > OFFERS_MAX ||
	    m->offset != group_buffer_size(&e->package) || m->bytes > m->heard - m->offset ||
	    (m->offset && e->provider != m->node))
		return;
	e->provider = m->node;
	e->asked_ns = 0; /* it is not silent: counted from now on */
	if (group_buffer_add(&e->package, m->payload, m->bytes) < 0)
		ask_anew(e);
	else if (m->offset + m->bytes == m->heard)
		restore(e);
}

void envoy_hear(struct envoy *e, int from, const uint8_t *bytes, size_t len)
{
	struct protocol_speaker speaker;
	struct council_message m;
	int r = council_message_decode(&m, bytes, len);

	if (r == -EPROTO)
		e->call.foreign(e->ctx, from, NULL);
	if (r < 0 || m.node != from)
		return;
	speaker = (struct protocol_speaker){ .least = (uint16_t)m.offset,
					     .most = (uint16_t)(m.offset >> 16) };
	if (m.kind == COUNCIL_HELLO && !protocol_common(&speaker, &protocol_own)) {
		e->call.foreign(e->ctx, from, &speaker);
		return;
	}
	if (m.kind == COUNCIL_ASK) {
		on_ask(e, &m);
	} else if (m.kind == COUNCIL_STATE) {
		on_part(e, &m);
	} else {
		council_hear(&e->council, &m);
		keep(e, bytes, len);
	}
}

void envoy_hear_aside(struct envoy *e, int from, const uint8_t *bytes, size_t len)
{
	struct council_message m;

	if (council_message_decode(&m, bytes, len) == 0 && m.node == from)
		council_hear_aside(&e->council, &m);
}

static int64_t settle_asking(struct envoy *e, int64_t now_ns)
{
	struct council *c = &e->council;
	struct council_message ask = { .kind = COUNCIL_ASK, .node = c->self, .ring = c->ring };

	if (c->has_state || !c->settled || c->judged != c->ring || !c->quorate || c->is_out)
		return -1;
	if (!e->asked_ns)
		e->asked_ns = now_ns;
	if (e->asked && now_ns - e->asked_ns > SILENT_NS)
		ask_anew(e);
	if (e->want) {
		e->want = false;
		e->asked = true;
		e->asked_ns = now_ns;
		ask.token = ++e->token;
		on_send(e, &ask);
	}
	return SILENT_NS;
}

/* Members that were apart are not all back at one time: a restart of all Corosyncs, a switch that was off. */
static int64_t settle_waiting(struct envoy *e, int64_t now_ns)
{
	if (!council_waits(&e->council)) {
		e->waits_ns = 0;
		return -1;
	}
	if (!e->waits_ns)
		e->waits_ns = now_ns;
	if (now_ns - e->waits_ns < PATIENCE_NS)
		return e->waits_ns + PATIENCE_NS - now_ns;
	if (!e->call.can_send(e->ctx))
		return -1; /* as for all that waits: the next call is when it takes something */
	council_waited(&e->council);
	return -1;
}

/* The words of others that this one waits for are lost, or would be said only when they are asked for. */
static int64_t settle_owed(struct envoy *e, int64_t now_ns)
{
	if (!council_owes(&e->council)) {
		e->owes_ns = 0;
		return -1;
	}
	if (!e->owes_ns)
		e->owes_ns = now_ns;
	if (now_ns - e->owes_ns < OWED_NS)
		return e->owes_ns + OWED_NS - now_ns;
	if (!e->call.can_send(e->ctx))
		return -1;
	e->owes_ns = 0;
	council_say_held(&e->council);
	return -1;
}

/* Commands that can be sent now: no more than this member may have under way. */
static uint32_t sendable(const struct envoy *e)
{
	uint64_t under_way = e->sent - e->first + e->undecided, count = e->next - e->sent;
	uint64_t room = under_way < COUNCIL_OWN_MAX ? COUNCIL_OWN_MAX - under_way : 0;

	if (!council_takes(&e->council) || !e->call.can_send(e->ctx))
		return 0;
	count = count < room ? count : room;
	return (uint32_t)(count < COUNCIL_BATCH_MAX ? count : COUNCIL_BATCH_MAX);
}

/* A multicast costs much, and a command in it hardly anything: those that have come since the last turn share one. */
static void propose_waiting(struct envoy *e)
{
	uint8_t batch[COUNCIL_BATCH_MAX][COMMAND_BYTES];
	uint32_t count;

	while ((count = sendable(e))) {
		for (uint32_t i = 0; i < count; i++)
			memcpy(batch[i], e->outbox[(e->sent + i) % OUTBOX], COMMAND_BYTES);
		e->sent += count;
		council_propose(&e->council, batch[0], count);
	}
}

int64_t envoy_settle(struct envoy *e, int64_t now_ns)
{
	int64_t again_ns, owed_ns;

	assert(e->first <= e->sent && e->sent <= e->next);
	if (e->council.is_out)
		return -1;
	if (e->call.can_send(e->ctx))
		council_settle(&e->council);
	propose_waiting(e);
	if (e->can_give)
		ask_daemon(e);
	give(e);
	again_ns = settle_waiting(e, now_ns);
	if (again_ns < 0)
		again_ns = settle_asking(e, now_ns);
	owed_ns = settle_owed(e, now_ns);
	return owed_ns >= 0 && (again_ns < 0 || owed_ns < again_ns) ? owed_ns : again_ns;
}

bool envoy_is_placed(const struct envoy *e)
{
	return council_is_placed(&e->council);
}

bool envoy_has_room(const struct envoy *e)
{
	return e->next - e->first < OUTBOX;
}

void envoy_propose(struct envoy *e, const uint8_t command[COMMAND_BYTES])
{
	assert(envoy_has_room(e));
	e->given_up[e->next % OUTBOX] = false;
	memcpy(e->outbox[e->next++ % OUTBOX], command, COMMAND_BYTES);
}
