/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Executes what the plans ask for. What touches a process goes through the worker of its migration,
 * one thing after the other, each taking its time; what is said to the other side goes over the
 * migration's connection, in order until it breaks.
 */

#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

#define SIDE_SOURCE 0
#define SIDE_TARGET 1

static const struct plan_limits limits = { .prepare_ns = 60000000,
					   .transfer_ns = 60000000,
					   .decide_ns = 200000000 };

static struct departure *departure_of(struct world *w, int node, int proc)
{
	return &w->node[node].departure[proc];
}

static struct arrival *arrival_of(struct world *w, int node, int proc)
{
	return &w->node[node].arrival[proc];
}

static void work_put(struct world *w, int node, int proc, int side, int effect, uint64_t us_max)
{
	struct departure *d = departure_of(w, node, proc);
	struct arrival *a = arrival_of(w, node, proc);
	uint64_t *busy = side == SIDE_SOURCE ? &d->busy_until : &a->busy_until;
	struct sim_event event = world_event(w, EVENT_WORK, node);

	event.slot = proc;
	event.a = effect;
	event.b = side;
	if (side == SIDE_SOURCE)
		d->pending++;
	else
		a->pending++;
	if (*busy < w->now_us)
		*busy = w->now_us;
	*busy += world_random(w, 1, us_max);
	world_put(w, event, *busy - w->now_us);
}

static void conn_say(struct world *w, int conn, int to_side, int kind, int code, void *data,
		     uint64_t us_max)
{
	struct conn *c = &w->conn[conn];
	struct sim_event event = { .kind = EVENT_CONN,
				   .node = c->node[to_side],
				   .life = c->life[to_side],
				   .slot = to_side,
				   .a = conn,
				   .b = kind,
				   .tag = (uint32_t)-code,
				   .data = data };

	if (c->until[to_side] < w->now_us)
		c->until[to_side] = w->now_us;
	c->until[to_side] += world_random(w, 1, us_max);
	world_put(w, event, c->until[to_side] - w->now_us);
}

static void conn_close(struct world *w, int conn, int side)
{
	struct conn *c = &w->conn[conn];

	if (!c->open[side])
		return;
	c->open[side] = false;
	if (c->open[1 - side] && !c->broken)
		conn_say(w, conn, 1 - side, PLAN_CONNECTION_LOST, 0, NULL, 500);
}

void move_break(struct world *w, int from, int to)
{
	for (int i = 0; i < w->conns; i++) {
		struct conn *c = &w->conn[i];
		bool touched = (c->node[0] == from && (to < 0 || c->node[1] == to)) ||
			       (c->node[1] == from && (to < 0 || c->node[0] == to));

		if (!touched || c->broken)
			continue;
		c->broken = true;
		for (int side = 0; side < 2; side++)
			if (c->open[side])
				conn_say(w, i, side, PLAN_CONNECTION_LOST, 0, NULL, 60000);
	}
}

static void effects_of_source(struct world *w, int node, int proc,
			      const struct plan_effects *effects);
static void effects_of_target(struct world *w, int node, int proc,
			      const struct plan_effects *effects);

void move_source_event(struct world *w, int node, int proc, enum plan_event_kind kind, int code,
		       uint32_t move)
{
	struct departure *d = departure_of(w, node, proc);
	struct plan_event event = {
		.kind = kind, .now_ns = w->now_us * 1000, .code = code, .move = move
	};
	struct plan_effects effects;

	if (!d->active)
		return;
	plan_source_step(&d->plan, &event, &effects);
	if (effects.count)
		world_log(w, "source %d endpoint %d: %s %d -> %s, %s", node, proc,
			  plan_event_name(kind), code, plan_source_state_name(d->plan.state),
			  plan_effect_name(effects.item[0].kind));
	effects_of_source(w, node, proc, &effects);
}

void move_target_event(struct world *w, int node, int proc, enum plan_event_kind kind, int code,
		       uint32_t move)
{
	struct arrival *a = arrival_of(w, node, proc);
	struct plan_event event = {
		.kind = kind, .now_ns = w->now_us * 1000, .code = code, .move = move
	};
	struct plan_effects effects;

	if (!a->active)
		return;
	plan_target_step(&a->plan, &event, &effects);
	if (effects.count)
		world_log(w, "target %d endpoint %d: %s %d -> %s, %s", node, proc,
			  plan_event_name(kind), code, plan_target_state_name(a->plan.state),
			  plan_effect_name(effects.item[0].kind));
	effects_of_target(w, node, proc, &effects);
}

void move_request(struct world *w, int node, int proc, int target)
{
	struct departure *d = departure_of(w, node, proc);
	struct copy *copy = &w->node[node].copy[proc];

	if (d->active || arrival_of(w, node, proc)->active || copy->state != COPY_RUNNING)
		return;
	memset(d, 0, sizeof(*d));
	d->active = true;
	d->target = target;
	d->conn = -1;
	d->generation = copy->program.generation;
	plan_source_init(&d->plan, &limits);
	world_log(w, "endpoint %d is to move from %d to %d", proc, node, target);
	move_source_event(w, node, proc, PLAN_REQUESTED, 0, 0);
}

static void propose(struct world *w, int node, int proc, uint16_t kind, uint32_t flags)
{
	struct departure *d = departure_of(w, node, proc);

	order_propose(w, node,
		      (struct command){ .kind = kind,
					.p_nr = SLOT_BASE + proc,
					.generation = d->generation,
					.target = d->target,
					.move = d->plan.move,
					.flags = flags });
}

static void reported(struct world *w, const struct plan_effect *effect)
{
	w->report->committed += effect->result == PLAN_COMMITTED;
	w->report->rolled_back += effect->result == PLAN_ROLLED_BACK;
	w->report->refused += effect->result == PLAN_REFUSED;
	w->report->lost += effect->result == PLAN_LOST;
}

static void effects_of_source(struct world *w, int node, int proc,
			      const struct plan_effects *effects)
{
	struct departure *d = departure_of(w, node, proc);

	for (uint32_t i = 0; i < effects->count; i++) {
		switch (effects->item[i].kind) {
		case PLAN_DO_PROPOSE_START:
			propose(w, node, proc, COMMAND_MOVE_START, 0);
			break;
		case PLAN_DO_PROPOSE_COMMIT:
			propose(w, node, proc, COMMAND_MOVE_COMMIT, 0);
			break;
		case PLAN_DO_PROPOSE_ROLLBACK:
			propose(w, node, proc, COMMAND_MOVE_ROLLBACK, 0);
			break;
		case PLAN_DO_PROPOSE_UNBIND:
			propose(w, node, proc, COMMAND_UNBIND, COMMAND_FLAG_DIED);
			break;
		case PLAN_DO_RELEASE:
			/* At once: before any later command lets another process come here. */
			daemon_release(w, node, proc);
			break;
		case PLAN_DO_CLOSE:
			if (d->conn >= 0)
				conn_close(w, d->conn, SIDE_SOURCE);
			break;
		case PLAN_DO_REPORT:
			reported(w, &effects->item[i]);
			break;
		default:
			work_put(w, node, proc, SIDE_SOURCE, (int)effects->item[i].kind, 3000);
			break;
		}
	}
}

static void propose_died(struct world *w, int node, int proc, uint32_t generation)
{
	order_propose(w, node,
		      (struct command){ .kind = COMMAND_UNBIND,
					.p_nr = SLOT_BASE + proc,
					.generation = generation,
					.flags = COMMAND_FLAG_DIED });
}

static void effects_of_target(struct world *w, int node, int proc,
			      const struct plan_effects *effects)
{
	struct arrival *a = arrival_of(w, node, proc);

	for (uint32_t i = 0; i < effects->count; i++) {
		const struct plan_effect *effect = &effects->item[i];

		switch (effect->kind) {
		case PLAN_DO_SAY_READY:
			conn_say(w, a->conn, SIDE_SOURCE, PLAN_TARGET_READY, 0, NULL, 1000);
			break;
		case PLAN_DO_SAY_LOADED:
			conn_say(w, a->conn, SIDE_SOURCE, PLAN_TARGET_LOADED, 0, NULL, 1000);
			break;
		case PLAN_DO_SAY_REFUSED:
			conn_say(w, a->conn, SIDE_SOURCE,
				 a->loading ? PLAN_TARGET_FAILED : PLAN_TARGET_REFUSED,
				 effect->code, NULL, 1000);
			break;
		case PLAN_DO_PROPOSE_UNBIND:
			propose_died(w, node, proc, a->generation);
			break;
		case PLAN_DO_CLOSE:
			conn_close(w, a->conn, SIDE_TARGET);
			break;
		default:
			work_put(w, node, proc, SIDE_TARGET, (int)effect->kind, 3000);
			break;
		}
	}
}

static void connect_and_offer(struct world *w, int node, int proc)
{
	struct departure *d = departure_of(w, node, proc);
	struct conn *c;

	if (w->cut[node][d->target] || w->cut[d->target][node] || !w->node[d->target].up ||
	    w->conns == CONNS_MAX) {
		move_source_event(w, node, proc, PLAN_CONNECTION_LOST, 0, 0);
		return;
	}
	d->conn = w->conns++;
	c = &w->conn[d->conn];
	*c = (struct conn){ .node = { node, d->target },
			    .life = { w->node[node].life, w->node[d->target].life },
			    .slot = proc,
			    .open = { true, true } };
	conn_say(w, d->conn, SIDE_TARGET, PLAN_OFFERED, (int)-d->generation, NULL, 1000);
}

static void freeze(struct world *w, int node, int proc)
{
	struct copy *copy = &w->node[node].copy[proc];

	if (copy->state != COPY_RUNNING ||
	    copy->program.generation != departure_of(w, node, proc)->generation) {
		move_source_event(w, node, proc, PLAN_FREEZE_REFUSED, EDVSBADPID, 0);
		return;
	}
	copy->state = COPY_FROZEN;
	daemon_hold(w, node, proc);
	world_log(w, "endpoint %d frozen at %d", proc, node);
	move_source_event(w, node, proc, PLAN_FROZEN, 0, 0);
}

static void send_image(struct world *w, int node, int proc)
{
	struct departure *d = departure_of(w, node, proc);
	struct image *image;

	if (world_chance(w, 3)) {
		move_source_event(w, node, proc, PLAN_SEND_FAILED, EDVSIO, 0);
		return;
	}
	image = calloc(1, sizeof(*image));
	if (!image)
		abort();
	image->program = w->node[node].copy[proc].program;
	image->move = d->plan.move;
	daemon_export(w, node, proc, image);
	conn_say(w, d->conn, SIDE_TARGET, PLAN_LOAD_DONE, 0, image, 20000);
	move_source_event(w, node, proc, PLAN_SENT, 0, 0);
}

static void thaw(struct world *w, int node, int proc)
{
	struct copy *copy = &w->node[node].copy[proc];

	if (copy->state != COPY_FROZEN)
		return;
	copy->state = COPY_RUNNING;
	daemon_unhold(w, node, proc);
	daemon_offer(w, node, proc);
	world_log(w, "endpoint %d thawed at %d", proc, node);
	process_run(w, node, proc);
}

static void source_work(struct world *w, int node, int proc, int effect)
{
	struct copy *copy = &w->node[node].copy[proc];

	switch (effect) {
	case PLAN_DO_CHECK:
		move_source_event(w, node, proc, PLAN_CHECKED, world_chance(w, 2) ? EDVSNOSYS : 0,
				  0);
		break;
	case PLAN_DO_CONNECT_AND_OFFER:
		connect_and_offer(w, node, proc);
		break;
	case PLAN_DO_FREEZE:
		freeze(w, node, proc);
		break;
	case PLAN_DO_SEND:
		send_image(w, node, proc);
		break;
	case PLAN_DO_THAW:
		thaw(w, node, proc);
		break;
	case PLAN_DO_KILL_SOURCE:
		if (copy->program.generation == departure_of(w, node, proc)->generation)
			copy->state = COPY_NONE;
		break;
	default:
		world_fail(w, "effect %d is not of the source", effect);
		break;
	}
}

static void load(struct world *w, int node, int proc)
{
	struct arrival *a = arrival_of(w, node, proc);
	struct copy *copy = &w->node[node].copy[proc];

	if (world_chance(w, 4)) {
		move_target_event(w, node, proc, PLAN_LOAD_FAILED, EDVSNOMEM, 0);
		return;
	}
	copy->state = COPY_HELD;
	copy->program = a->image->program;
	move_target_event(w, node, proc, PLAN_LOAD_DONE, 0, a->image->move);
}

static void resume(struct world *w, int node, int proc)
{
	struct arrival *a = arrival_of(w, node, proc);
	struct copy *copy = &w->node[node].copy[proc];

	/* It was killed between the commit and now: an ordinary process of this node has ended. */
	if (copy->state == COPY_LOST)
		propose_died(w, node, proc, a->generation);
	if (copy->state != COPY_HELD)
		return;
	copy->state = COPY_RUNNING;
	daemon_import(w, node, a->image);
	daemon_unhold(w, node, proc);
	daemon_offer(w, node, proc);
	world_log(w, "endpoint %d resumed at %d", proc, node);
	process_run(w, node, proc);
}

static void target_work(struct world *w, int node, int proc, int effect)
{
	struct arrival *a = arrival_of(w, node, proc);
	struct copy *copy = &w->node[node].copy[proc];
	bool refused;

	switch (effect) {
	case PLAN_DO_CHECK:
		refused = copy->state != COPY_NONE || departure_of(w, node, proc)->active ||
			  world_chance(w, 2);
		move_target_event(w, node, proc, PLAN_CHECKED, refused ? EDVSBUSY : 0, 0);
		break;
	case PLAN_DO_SPAWN_AND_LOAD:
		a->loading = true;
		if (a->image)
			load(w, node, proc);
		break;
	case PLAN_DO_RESUME:
		resume(w, node, proc);
		break;
	case PLAN_DO_DISCARD:
		if (copy->state == COPY_HELD)
			copy->state = COPY_NONE;
		break;
	default:
		world_fail(w, "effect %d is not of the target", effect);
		break;
	}
}

/* A plan is thrown away when it has ended and its worker has nothing left to do. */
static void tidy(struct world *w, int node, int proc)
{
	struct departure *d = departure_of(w, node, proc);
	struct arrival *a = arrival_of(w, node, proc);
	struct copy *copy = &w->node[node].copy[proc];
	const struct directory_endpoint *ep = world_endpoint(&w->node[node].directory, proc);

	if (d->active && plan_source_is_ended(&d->plan) && !d->pending)
		d->active = false;
	if (!a->active || !plan_target_is_ended(&a->plan) || a->pending)
		return;
	a->active = false;
	free(a->image);
	a->image = NULL;
	if (copy->state == COPY_LOST && (!ep->bound || ep->node != node))
		copy->state = COPY_NONE;
}

void move_on_work(struct world *w, const struct sim_event *event)
{
	struct departure *d = departure_of(w, event->node, event->slot);
	struct arrival *a = arrival_of(w, event->node, event->slot);

	if (event->b == SIDE_SOURCE) {
		d->pending--;
		source_work(w, event->node, event->slot, event->a);
	} else {
		a->pending--;
		target_work(w, event->node, event->slot, event->a);
	}
	tidy(w, event->node, event->slot);
}

static void on_offered(struct world *w, int conn, uint32_t generation)
{
	struct conn *c = &w->conn[conn];
	int node = c->node[SIDE_TARGET];
	struct arrival *a = arrival_of(w, node, c->slot);

	if (a->active) {
		conn_say(w, conn, SIDE_SOURCE, PLAN_TARGET_REFUSED, EDVSBUSY, NULL, 1000);
		conn_close(w, conn, SIDE_TARGET);
		return;
	}
	memset(a, 0, sizeof(*a));
	a->active = true;
	a->source = c->node[SIDE_SOURCE];
	a->conn = conn;
	a->generation = generation;
	plan_target_init(&a->plan, &limits);
	move_target_event(w, node, c->slot, PLAN_OFFERED, 0, 0);
}

/* The mutations: what happens if a lost connection is allowed to decide. */
static void on_lost(struct world *w, const struct conn *c, int side)
{
	int node = c->node[side];

	if (side == SIDE_SOURCE && world_mutated(w, SIM_THAW_ON_CUT) &&
	    departure_of(w, node, c->slot)->plan.state == PLAN_SOURCE_COMMITTING)
		thaw(w, node, c->slot);
	if (side == SIDE_TARGET && world_mutated(w, SIM_RESUME_ON_CUT) &&
	    arrival_of(w, node, c->slot)->plan.state == PLAN_TARGET_HOLDING)
		resume(w, node, c->slot);
}

static void conn_arrived(struct world *w, int conn, int side, struct sim_event *event)
{
	struct conn *c = &w->conn[conn];
	int node = c->node[side], proc = c->slot, code = -(int)event->tag;
	struct arrival *a = arrival_of(w, node, proc);

	if (event->b == PLAN_CONNECTION_LOST) {
		on_lost(w, c, side);
		c->open[side] = false;
	}
	if (side == SIDE_SOURCE) {
		if (departure_of(w, node, proc)->conn == conn)
			move_source_event(w, node, proc, (enum plan_event_kind)event->b, code, 0);
		return;
	}
	if (event->b == PLAN_OFFERED) {
		on_offered(w, conn, event->tag);
		return;
	}
	if (!a->active || a->conn != conn)
		return;
	if (event->b != PLAN_LOAD_DONE) {
		move_target_event(w, node, proc, (enum plan_event_kind)event->b, code, 0);
		return;
	}
	if (a->plan.state != PLAN_TARGET_LOADING || a->image)
		return;
	a->image = event->data;
	event->data = NULL;
	if (a->loading)
		load(w, node, proc);
}

void move_on_conn(struct world *w, struct sim_event *event)
{
	struct conn *c = &w->conn[event->a];
	int side = event->slot & 1;

	if (!c->open[side] || (c->broken && event->b != PLAN_CONNECTION_LOST))
		return;
	conn_arrived(w, event->a, side, event);
	tidy(w, c->node[side], c->slot);
}

void move_on_tick(struct world *w, int node)
{
	for (int proc = 0; proc < w->procs; proc++) {
		struct copy *copy = &w->node[node].copy[proc];

		move_source_event(w, node, proc, PLAN_TICK, 0, 0);
		move_target_event(w, node, proc, PLAN_TICK, 0, 0);
		if (copy->state == COPY_HELD && !w->calm && world_chance(w, 1)) {
			copy->state = COPY_LOST;
			move_target_event(w, node, proc, PLAN_PROCESS_DIED, 0, 0);
		}
		tidy(w, node, proc);
	}
	world_put(w, world_event(w, EVENT_TICK, node), 5000);
}

void move_forget_node(struct world *w, int node)
{
	move_break(w, node, -1);
	for (int proc = 0; proc < w->procs; proc++) {
		free(w->node[node].arrival[proc].image);
		memset(arrival_of(w, node, proc), 0, sizeof(struct arrival));
		memset(departure_of(w, node, proc), 0, sizeof(struct departure));
	}
}
