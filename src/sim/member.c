/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A node's part in the group. The daemon has a deputy in a council, or a connection to the sequencer; the words of
 * either wait in their connection, and the daemon takes them by the product's seat (group/seat.h). The deputy is the
 * product's envoy (group/envoy.h) on the made-up multicast. The log has each decision as the first deputy made it.
 */

#include <stdlib.h>
#include <string.h>

#include "core/proposal.h"
#include "dvk.h"
#include "group/contract.h"
#include "sim/world.h"

static void hear_quorum(struct world *w, int node, const struct parcel *parcel)
{
	struct member *m = &w->member[node];
	uint32_t majority = (uint32_t)w->nodes / 2 + 1;
	uint64_t ring = parcel->number;
	bool have = parcel->have;

	if (world_mutated(w, SIM_AGREED_IS_DECIDED))
		majority = 1;
	if (world_mutated(w, SIM_MINORITY_GOES_ON) && !have) {
		have = true;
		majority = 1;
	}
	if (world_mutated(w, SIM_RING_UNMATCHED) && m->ring)
		ring = m->ring;
	envoy_quorum(m->envoy, ring, have, majority);
}

static void hear(struct world *w, int node, const struct parcel *parcel)
{
	struct member *m = &w->member[node];

	switch (parcel->kind) {
	case PARCEL_MESSAGE:
		envoy_hear(m->envoy, parcel->from, parcel->bytes, parcel->len);
		break;
	case PARCEL_PRESENT:
		envoy_present(m->envoy, parcel->set);
		break;
	case PARCEL_UNSETTLE:
		envoy_unsettle(m->envoy);
		break;
	case PARCEL_VIEW:
		m->ring = parcel->number;
		parcels_deinit(&w->machine[node].unsent);
		envoy_view(m->envoy, parcel->number, parcel->set);
		break;
	case PARCEL_CUT:
		m->ring = 0;
		envoy_cut(m->envoy);
		break;
	case PARCEL_QUORUM:
		hear_quorum(w, node, parcel);
		break;
	default:
		assert(!"a report of a machine");
	}
}

static void settle(struct world *w, int node)
{
	struct member *m = &w->member[node];

	if (m->out) {
		ring_leave(w, node);
		m->envoy = envoy_free(m->envoy);
	} else {
		envoy_settle(m->envoy, (int64_t)w->now_us * 1000);
	}
}

void member_hear(struct world *w, int node, bool all)
{
	struct member *m = &w->member[node];
	struct machine *machine = &w->machine[node];
	struct parcel *parcel;

	if (!m->envoy || w->now_us < w->node[node].paused_until)
		return;
	do {
		/* Two connections: neither waits for the other, but both are made anew after a cut. */
		bool is_cut = machine->reports.first && machine->reports.first->kind == PARCEL_CUT;
		bool quorum = machine->quorums.first && !is_cut && (all || world_chance(w, 30));

		parcel = parcels_take(quorum ? &machine->quorums : &machine->reports);
		if (!parcel)
			break;
		if (!m->out)
			hear(w, node, parcel);
		free(parcel);
	} while (!m->out);
	if (all)
		ring_flush(w, node);
	if (all || world_chance(w, 70) || m->out)
		settle(w, node);
}

/* ---- what the deputy says ---- */

static struct member *member_of(void *ctx, struct world **w, int *node)
{
	struct member *m = ctx;

	*w = m->w;
	*node = (int)(m - m->w->member);
	return m;
}

static void say(void *ctx, const struct parcel *like, const void *head, size_t head_bytes)
{
	struct world *w;
	int node;
	struct member *m = member_of(ctx, &w, &node);

	parcels_add(&m->told, like, head, head_bytes, NULL, 0);
	world_put(w, world_event(w, EVENT_DELIVER, node), world_random(w, 1, 300));
}

/* Two or more ask for a state at one time. */
static void note_joins(struct world *w)
{
	int joins = 0;

	for (int node = 0; node < w->nodes; node++)
		joins += w->member[node].asks;
	assert(joins);
	w->report->joins_together += joins > 1;
}

static void on_multicast(void *ctx, const uint8_t *head, const uint8_t *payload, size_t bytes)
{
	struct world *w;
	int node;

	struct member *m = member_of(ctx, &w, &node);

	if (head[2] == COUNCIL_ASK) {
		m->asks = true;
		note_joins(w);
	}
	ring_multicast(w, node, head, payload, bytes);
}

static void put_word(struct world *w, int from, int to, const uint8_t head[COUNCIL_HEAD])
{
	struct sim_event event = world_event(w, EVENT_WORD, -1);

	event.a = from;
	event.b = to;
	event.data = malloc(COUNCIL_HEAD);
	if (!event.data)
		abort();
	memcpy(event.data, head, COUNCIL_HEAD);
	world_put(w, event, world_random(w, 1, world_chance(w, 80) ? 300 : 100000));
}

/* The way aside is another one: words are lost, late and repeated, whichever side of a cut their hearer is on. */
static void on_aside(void *ctx, uint32_t members, const uint8_t *head)
{
	struct world *w;
	int node;

	member_of(ctx, &w, &node);
	for (int to = 0; to < w->nodes; to++) {
		uint8_t other[COUNCIL_HEAD];

		if (!(members >> to & 1))
			continue;
		while (world_chance(w, 80))
			put_word(w, node, to, head);
		if (!world_mutated(w, SIM_WORD_OF_TWO))
			continue;
		memcpy(other, head, sizeof(other));
		other[4] = (uint8_t)to;
		put_word(w, to, node, other);
	}
}

void member_hear_word(struct world *w, int from, int to, const uint8_t head[COUNCIL_HEAD])
{
	struct member *m = &w->member[to];

	if (!m->envoy || m->out || w->now_us < w->node[to].paused_until)
		return;
	envoy_hear_aside(m->envoy, from, head, COUNCIL_HEAD);
	w->report->words++;
	if (world_chance(w, 70) || m->out)
		settle(w, to);
}

static bool on_can_send(void *ctx)
{
	struct world *w;
	int node;

	member_of(ctx, &w, &node);
	return ring_has_room(w, node) || world_mutated(w, SIM_SEND_ALWAYS);
}

static void on_restore(void *ctx, uint64_t order, const uint8_t *state, size_t len)
{
	((struct member *)ctx)->asks = false;
	say(ctx, &(struct parcel){ .kind = PARCEL_RESTORE, .number = order }, state, len);
}

static void on_decided(void *ctx, uint64_t order, const uint8_t command[COMMAND_BYTES])
{
	struct command cmd;
	struct world *w;
	int node;

	member_of(ctx, &w, &node);
	if (command_decode(&cmd, command, COMMAND_BYTES) < 0)
		abort();
	order_decided(w, node, order, &cmd);
	say(ctx, &(struct parcel){ .kind = PARCEL_DELIVER, .number = order }, command,
	    COMMAND_BYTES);
}

static void on_ask(void *ctx, uint64_t token)
{
	say(ctx, &(struct parcel){ .kind = PARCEL_ASK, .number = token }, NULL, 0);
}

static void on_quorum(void *ctx, bool have)
{
	say(ctx, &(struct parcel){ .kind = PARCEL_TOLD, .have = have }, NULL, 0);
}

static void on_out(void *ctx, struct council_point seen)
{
	struct member *m = ctx;

	m->out = true;
	m->seen = seen;
	say(ctx, &(struct parcel){ .kind = PARCEL_OUT }, NULL, 0);
}

/* ---- what the daemon makes of it ---- */

/* After each event of a member: its engine has kept to the rules of group/contract.h. */
static void check_contract(struct world *w)
{
	const char *broken = contract_broken(w->contract);

	if (broken)
		world_fail(w, "I4: %s", broken);
}

static void restored(void *ctx, uint64_t order, const uint8_t *state, size_t len)
{
	struct world *w;
	int node;

	member_of(ctx, &w, &node);
	contract_restored(w->contract, node, order, state, len);
	check_contract(w);
	if (directory_decode(&w->node[node].directory, state, len))
		world_fail(w, "I4: node %d cannot read the directory", node);
	else
		checker_applied(w, node, order);
}

static void delivered(void *ctx, uint64_t order, const struct command *cmd)
{
	struct world *w;
	int node;
	struct member *m = member_of(ctx, &w, &node);

	contract_delivered(w->contract, node, order, cmd, m->seat.joined);
	check_contract(w);
	if (!w->report->failed)
		effects_apply(w, node, order, cmd);
}

static size_t snapshot(void *ctx, uint8_t *buf, size_t size)
{
	struct world *w;
	size_t len;
	int node;

	member_of(ctx, &w, &node);
	len = directory_encode(&w->node[node].directory, buf, size);
	if (len)
		contract_gave(w->contract, node, buf, len);
	return len;
}

static void hand_over(struct world *w, int node, int i)
{
	struct member *m = &w->member[node];
	uint8_t bytes[COMMAND_BYTES];

	m->waits[i] = seat_sign(&m->seat, &m->pending[i], bytes) < 0;
	if (m->waits[i])
		return;
	contract_sent(w->contract, node, &m->pending[i]);
	/* A deputy that is out has not told its daemon yet. */
	if (!w->council)
		sequencer_say(w, node, &(struct parcel){ .kind = PARCEL_COMMAND }, bytes,
			      sizeof(bytes), NULL, 0);
	else if (m->envoy && !m->out && envoy_has_room(m->envoy))
		envoy_propose(m->envoy, bytes);
}

static void remove_pending(struct world *w, int node, int i)
{
	struct member *m = &w->member[node];
	size_t after = (size_t)(m->pendings - i - 1);

	assert(i >= 0 && i < m->pendings);
	memmove(&m->pending[i], &m->pending[i + 1], sizeof(m->pending[0]) * after);
	memmove(&m->waits[i], &m->waits[i + 1], sizeof(m->waits[0]) * after);
	m->pendings--;
	w->node[node].proposals = (uint32_t)m->pendings;
}

/* As node/state/order.c does it. */
static void quorum_told(void *ctx, bool have)
{
	struct world *w;
	int node;
	struct member *m = member_of(ctx, &w, &node);

	contract_quorum(w->contract, node, have);
	check_contract(w);
	world_log(w, have ? "node %d has a quorum" : "node %d has no quorum", node);
	w->report->minorities += !have;
	for (int i = 0; i < m->pendings; i++)
		if (have && m->waits[i])
			hand_over(w, node, i);
	for (int i = m->pendings - 1; i >= 0 && !have; i--) {
		if (proposal_stays(&m->pending[i]) && !world_mutated(w, SIM_NOTHING_STAYS))
			continue;
		effects_told(w, node, &m->pending[i], EDVSINPROGRESS);
		remove_pending(w, node, i);
	}
}

static void give_state(struct world *w, int node, uint64_t token)
{
	struct member *m = &w->member[node];
	uint8_t head[GROUP_STATE_HEAD];
	uint8_t *state;
	size_t len;

	if (w->council && (!m->envoy || m->out))
		return;
	if (seat_give_state(&m->seat, &state, &len) < 0) {
		world_fail(w, "I4: node %d is asked for a state and has none", node);
		return;
	}
	group_number_encode(head, token);
	group_number_encode(head + 8, m->seat.order);
	w->report->states += w->council;
	if (w->council)
		envoy_state(m->envoy, token, m->seat.order + world_mutated(w, SIM_OTHER_POINT),
			    state, len);
	else
		sequencer_say(w, node, &(struct parcel){ .kind = PARCEL_STATE }, head, sizeof(head),
			      state, len);
	free(state);
}

/* As by a rule that knows the node alone. */
static void take_any_life(struct seat *seat, const struct parcel *parcel)
{
	struct command cmd;

	if (!command_decode(&cmd, parcel->bytes, parcel->len) && cmd.kind == COMMAND_NODE_JOIN &&
	    cmd.node == seat->nodeid)
		seat->secret = cmd.secret;
}

static void hear_engine(struct world *w, int node, const struct parcel *parcel)
{
	struct member *m = &w->member[node];
	int r = 0;

	switch (parcel->kind) {
	case PARCEL_RESTORE:
		r = seat_restore(&m->seat, parcel->number, parcel->bytes, parcel->len);
		break;
	case PARCEL_DELIVER:
		if (world_mutated(w, SIM_ANY_LIFE))
			take_any_life(&m->seat, parcel);
		r = seat_deliver(&m->seat, parcel->number, parcel->bytes);
		break;
	case PARCEL_ASK:
		give_state(w, node, parcel->number);
		break;
	case PARCEL_TOLD:
		seat_quorum(&m->seat, parcel->have);
		break;
	case PARCEL_OUT:
		seat_lose(&m->seat);
		contract_lost(w->contract, node);
		check_contract(w);
		fault_fence(w, node);
		break;
	default:
		assert(!"a word of an engine");
	}
	if (r < 0)
		world_fail(w, "I4: node %d is told what has not the next number", node);
}

/* The mutation: node 1 takes two commands in the other order. */
static void swap_two(struct world *w, struct parcel *first, struct parcel *second)
{
	uint8_t bytes[COMMAND_BYTES];

	if (w->reordered || first->kind != PARCEL_DELIVER || first->number < 20 || !second ||
	    second->kind != PARCEL_DELIVER)
		return;
	w->reordered = true;
	memcpy(bytes, first->bytes, sizeof(bytes));
	memcpy(first->bytes, second->bytes, sizeof(bytes));
	memcpy(second->bytes, bytes, sizeof(bytes));
}

void member_on_deliver(struct world *w, int node)
{
	struct parcel *parcel = parcels_take(&w->member[node].told);

	if (!parcel)
		return;
	if (world_mutated(w, SIM_OUT_OF_ORDER) && node == 1)
		swap_two(w, parcel, w->member[node].told.first);
	hear_engine(w, node, parcel);
	free(parcel);
}

/* ---- its life, and its commands ---- */

/* All members of a world are of this release. */
static void on_foreign(void *ctx, int node, const struct protocol_speaker *speaker)
{
	(void)ctx;
	(void)speaker;
	assert(node < 0);
}

void member_start(struct world *w, int node)
{
	static const struct envoy_calls deputy = { on_multicast, on_aside,   on_can_send,
						   on_restore,	 on_decided, on_ask,
						   on_quorum,	 on_out,     on_foreign };
	struct member *m = &w->member[node];
	struct group_callbacks daemon = { restored, delivered, snapshot, quorum_told, NULL, m };
	struct council_point seen = m->seen;
	struct command join = { .version = COMMAND_VERSION,
				.kind = COMMAND_NODE_JOIN,
				.origin = node,
				.node = node,
				.secret = ++w->secrets };

	assert(!m->envoy);
	*m = (struct member){ .w = w, .place = -1 };
	parcels_init(&m->told);
	directory_init(&w->node[node].directory);
	seat_init(&m->seat, node, join.secret, &daemon);
	contract_begin(w->contract, node);
	if (!w->council) {
		sequencer_join(w, node);
		return;
	}
	if (envoy_new(&m->envoy, node, join.secret, seen, &join, &deputy, m) < 0)
		abort();
	ring_join(w, node);
}

void member_stop(struct world *w, int node)
{
	struct member *m = &w->member[node];

	if (m->envoy)
		ring_leave(w, node);
	else if (m->w && m->place >= 0)
		sequencer_leave(w, node);
	m->envoy = envoy_free(m->envoy);
	w->report->joiners_lost += m->asks;
	contract_end(w->contract, node);
	if (m->w)
		parcels_deinit(&m->told);
	m->pendings = 0;
	m->asks = false;
	assert(!m->told.first);
}

void member_propose(struct world *w, int node, const struct command *cmd)
{
	struct member *m = &w->member[node];

	if (m->pendings == PENDING_MAX) {
		world_fail(w, "I4: node %d has proposals without end", node);
		return;
	}
	m->pending[m->pendings++] = *cmd;
	w->node[node].proposals = (uint32_t)m->pendings;
	hand_over(w, node, m->pendings - 1);
	if (!m->waits[m->pendings - 1] || proposal_waits(cmd))
		return;
	remove_pending(w, node, m->pendings - 1);
	effects_told(w, node, cmd, EDVSNOCONN);
}

void member_rest(struct world *w)
{
	contract_rest(w->contract, (1u << w->nodes) - 1);
	check_contract(w);
}

bool member_takes(struct world *w, int node, const struct command *cmd)
{
	const struct member *m = &w->member[node];

	for (int i = 0; i < m->pendings; i++) {
		if (m->pending[i].request != cmd->request)
			continue;
		remove_pending(w, node, i);
		return true;
	}
	return false;
}

/* A node that has become a member proposes the commands that its processes need. */
void member_on_tick(struct world *w, int node)
{
	const struct directory_dc *dc;
	const struct node *n;
	bool asks;

	assert(node >= 0);
	assert(node < NODES_MAX);
	n = &w->node[node];
	dc = &n->directory.dc[0];
	asks = w->member[node].pendings;
	if (w->council)
		member_hear(w, node, true);
	if (!n->incarnation || !w->member[node].seat.quorum || asks)
		return;
	if (!dc->running)
		order_propose(w, node, (struct command){ .kind = COMMAND_DC_CREATE });
	else if (!(dc->nodes >> node & 1))
		order_propose(w, node, (struct command){ .kind = COMMAND_ADD_NODE, .node = node });
}
