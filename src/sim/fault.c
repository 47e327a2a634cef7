/* SPDX-License-Identifier: Apache-2.0 */

/* Faults and their times: each seed draws the faults that it suffers from. */

#include <string.h>

#include "sim/world.h"

void fault_plan(struct world *w)
{
	static const uint32_t losses[] = { 0, 0, 2, 20 };
	static const uint32_t repeats[] = { 0, 2, 30 };
	static const uint32_t delays_us[] = { 100, 1000, 10000 };
	static const uint32_t group_delays_us[] = { 100, 2000, 30000 };

	assert(!w->calm);
	w->migrate_period_us = (uint32_t)world_random(w, 1000, 20000);
	w->crash_period_us = world_chance(w, 50) ? (uint32_t)world_random(w, 50000, 800000) : 0;
	w->cut_period_us = world_chance(w, 60) ? (uint32_t)world_random(w, 10000, 200000) : 0;
	w->loss_percent = losses[world_random(w, 0, 3)];
	w->repeat_percent = repeats[world_random(w, 0, 2)];
	w->delay_us_max = delays_us[world_random(w, 0, 2)];
	w->group_delay_us_max = group_delays_us[world_random(w, 0, 2)];
	world_put_again(w, EVENT_MIGRATE, w->migrate_period_us);
	world_put_again(w, EVENT_ASK_BY_HAND, 8 * w->migrate_period_us);
	world_put_again(w, EVENT_ASK, w->strict ? 2 * w->migrate_period_us : 0);
	world_put_again(w, EVENT_DAEMON, 20 * w->migrate_period_us);
	world_put_again(w, EVENT_CRASH, w->crash_period_us);
	world_put_again(w, EVENT_PAUSE, 4 * w->cut_period_us);
	world_put_again(w, EVENT_CUT, w->cut_period_us);
	assert(w->procs <= PROCS_MAX);
	for (int proc = 0; proc < w->procs; proc++) {
		struct sim_event event = world_event(w, EVENT_SPAWN, -1);

		event.slot = proc;
		world_put(w, event, world_random(w, 1, 3000));
	}
}

static int nodes_up(const struct world *w)
{
	int up = 0;

	for (int node = 0; node < w->nodes; node++)
		up += w->node[node].up;
	return up;
}

/* The node loses all of its memory. */
static void wipe(struct world *w, int node)
{
	struct node *n = &w->node[node];

	assert(n->up);
	n->up = false;
	n->life++;
	n->incarnation = 0;
	move_forget_node(w, node);
	for (int peer = 0; peer < w->nodes; peer++)
		daemon_link_break(w, node, peer);
	memset(n->page, 0, sizeof(n->page));
	memset(n->copy, 0, sizeof(n->copy));
	memset(n->ask, 0, sizeof(n->ask));
	n->serving = n->proposals = n->restarting = 0;
	n->quiet = n->away = false;
}

static void restart_later(struct world *w, int node, uint64_t least_us, uint64_t most_us)
{
	struct sim_event restart = world_event(w, EVENT_RESTART, -1);

	restart.a = node;
	world_put(w, restart, world_random(w, least_us, most_us));
}

/* A machine, or its daemon and deputy alone. */
static void crash_member(struct world *w, int node)
{
	assert(w->council);
	w->forgetful |= 1u << node;
	member_stop(w, node);
	w->member[node].seen = (struct council_point){ 0 };
	if (w->machine[node].works && world_chance(w, 50))
		ring_stop(w, node, true);
}

/* One machine may forget at a time; one that has got no memory yet has nothing to forget. */
static bool may_crash(const struct world *w, int node)
{
	bool empty = w->forgetful >> node & 1 && !w->member[node].seat.started &&
		     w->member[node].envoy && !envoy_is_placed(w->member[node].envoy);

	return nodes_up(w) > 1 && (empty || ring_is_whole(w));
}

void fault_crash(struct world *w, int node)
{
	struct node *n = &w->node[node];

	assert(!n->up || n->life);
	if (!n->up || !(w->council ? may_crash(w, node) : sequencer_has_other(w, node)))
		return;
	world_log(w, "node %d crashes", node);
	w->report->crashes++;
	wipe(w, node);
	if (w->council)
		crash_member(w, node);
	else
		member_stop(w, node);
	restart_later(w, node, 1000, 300000);
}

void fault_fence(struct world *w, int node)
{
	struct council_point seen = w->member[node].seen;
	struct copy stale[PROCS_MAX];

	world_log(w, "the others go on without node %d", node);
	w->report->fenced++;
	memcpy(stale, w->node[node].copy, sizeof(stale));
	wipe(w, node);
	if (world_mutated(w, SIM_STALE_RUN_ON))
		memcpy(w->node[node].copy, stale, sizeof(stale));
	member_stop(w, node);
	w->member[node].seen = seen;
	restart_later(w, node, 1000, 20000);
}

/* Also at the beginning of the world. */
void fault_restart(struct world *w, int node)
{
	struct node *n = &w->node[node];

	assert(!n->up || n->life);
	if (n->up)
		return;
	n->up = true;
	n->life++;
	n->paused_until = 0;
	if (w->council)
		ring_go_on(w, node);
	member_start(w, node);
	world_put(w, world_event(w, EVENT_SCAN, node), world_random(w, 1, 300));
	if (!w->strict)
		world_put(w, world_event(w, EVENT_RESEND, node), world_random(w, 1, 40000));
	world_put(w, world_event(w, EVENT_TICK, node), world_random(w, 1, 5000));
}

static void cut(struct world *w)
{
	int a = (int)world_random(w, 0, (uint64_t)w->nodes - 1);
	int b = (int)world_random(w, 0, (uint64_t)w->nodes - 1);
	struct sim_event heal = world_event(w, EVENT_HEAL, -1);

	if (a == b || w->cut[a][b])
		return;
	world_log(w, "link %d-%d is cut", a, b);
	w->report->cuts++;
	w->cut[a][b] = true;
	w->cut[b][a] = world_chance(w, 80);
	move_break(w, a, b);
	daemon_link_break(w, a, b);
	heal.a = a;
	heal.b = b;
	world_put(w, heal, world_random(w, 1000, 300000));
}

static void heal(struct world *w, int a, int b)
{
	assert(a != b);
	world_log(w, "link %d-%d is back", a, b);
	w->cut[a][b] = w->cut[b][a] = false;
	daemon_link_up(w, a, b);
}

void fault_reach(struct world *w, int a, int b, bool reach)
{
	assert(a != b);
	if (reach) {
		if (w->cut[a][b] || w->cut[b][a])
			heal(w, a, b);
		return;
	}
	if (w->cut[a][b] && w->cut[b][a])
		return;
	w->report->cuts++;
	w->cut[a][b] = w->cut[b][a] = true;
	world_log(w, "link %d-%d is cut", a, b);
	move_break(w, a, b);
	daemon_link_break(w, a, b);
}

/* The other side has read all that was sent before the end. */
static void link_end(struct world *w, int a, int b, uint32_t epoch)
{
	if (w->link_epoch[a][b] != epoch)
		return;
	daemon_link_break(w, a, b);
	daemon_link_up(w, a, b);
}

static void spawn(struct world *w, int proc)
{
	int node = (int)world_random(w, 0, (uint64_t)w->nodes - 1);
	struct sim_event again = world_event(w, EVENT_SPAWN, -1);

	if (world_is_open(&w->node[node]) && !world_endpoint(&w->truth, proc)->bound)
		order_propose(w, node,
			      (struct command){ .kind = COMMAND_BIND,
						.p_nr = SLOT_BASE + proc,
						.node = node,
						.bind_kind = LCL_BIND });
	again.slot = proc;
	if (!w->calm)
		world_put(w, again, world_random(w, 1000, 60000));
}

static void migrate(struct world *w)
{
	int proc = (int)world_random(w, 0, (uint64_t)w->procs - 1);
	int target = (int)world_random(w, 0, (uint64_t)w->nodes - 1);
	const struct directory_endpoint *ep = world_endpoint(&w->truth, proc);

	if (ep->bound && ep->node != target && world_is_open(&w->node[ep->node]))
		move_request(w, ep->node, proc, target);
}

static void ask_by_hand(struct world *w)
{
	int proc = (int)world_random(w, 0, (uint64_t)w->procs - 1);
	int node = (int)world_random(w, 0, (uint64_t)w->nodes - 1);

	if (!world_is_open(&w->node[node]))
		return;
	if (world_chance(w, 15))
		by_hand_roll_back(w, node, proc);
	else
		by_hand_start(w, node, proc);
}

static void pause_node(struct world *w, int node)
{
	if (w->now_us < w->node[node].paused_until)
		return;
	w->node[node].paused_until = w->now_us + world_random(w, 100, 100000);
	world_log(w, "node %d sleeps", node);
}

/* A node that is up and no member yet, or the other one. */
static int joiner_or(const struct world *w, int otherwise)
{
	assert(otherwise < w->nodes);
	for (int node = 0; node < w->nodes; node++)
		if (w->node[node].up && !w->node[node].incarnation)
			return node;
	return otherwise;
}

void fault_on_event(struct world *w, const struct sim_event *event)
{
	int node = (int)world_random(w, 0, (uint64_t)w->nodes - 1);

	switch (event->kind) {
	case EVENT_SPAWN:
		spawn(w, event->slot);
		return;
	case EVENT_RESTART:
		fault_restart(w, event->a);
		return;
	case EVENT_LINK_END:
		link_end(w, event->a, event->b, event->tag);
		return;
	case EVENT_HEAL:
		heal(w, event->a, event->b);
		return;
	default:
		break;
	}
	if (w->calm)
		return;
	switch (event->kind) {
	case EVENT_MIGRATE:
		migrate(w);
		world_put_again(w, EVENT_MIGRATE, w->migrate_period_us);
		break;
	case EVENT_ASK:
		ask_begin(w, node);
		world_put_again(w, EVENT_ASK, 2 * w->migrate_period_us);
		break;
	case EVENT_DAEMON:
		ask_restart(w, node);
		world_put_again(w, EVENT_DAEMON, 20 * w->migrate_period_us);
		break;
	case EVENT_ASK_BY_HAND:
		ask_by_hand(w);
		world_put_again(w, EVENT_ASK_BY_HAND, 8 * w->migrate_period_us);
		break;
	case EVENT_CRASH:
		fault_crash(w, world_chance(w, 50) ? joiner_or(w, node) : node);
		if (!event->tag)
			world_put_again(w, EVENT_CRASH, w->crash_period_us);
		break;
	case EVENT_PAUSE:
		pause_node(w, node);
		world_put_again(w, EVENT_PAUSE, 4 * w->cut_period_us);
		break;
	case EVENT_CUT:
		cut(w);
		world_put_again(w, EVENT_CUT, w->cut_period_us);
		break;
	default:
		break;
	}
}
