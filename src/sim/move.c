/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Moves: the product's driver and plans (core/driver.h) with made-up functions behind the effects. A
 * worker does one thing after another, each taking its time; a step that waits for the other side, or
 * that hangs for no reason at all, ends when it is told. What is said to the other side goes over the
 * migration's connection, in order until it breaks.
 */

#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

#define SIDE_SOURCE 0
#define SIDE_TARGET 1

#define TICK_US	 5000
#define CHUNK_US 40000 /* at most between two signs of life of a long transfer */
#define CHUNKS	 6
#define TELL_US	 500 /* at most until a step that is told has ended */

static const struct plan_limits limits = { .prepare_ns = 60000000,
					   .transfer_ns = 60000000,
					   .decide_ns = 15000000 };

static struct departure *departure_of(struct world *w, int node, int proc)
{
	return &w->node[node].departure[proc];
}

static struct arrival *arrival_of(struct world *w, int node, int proc)
{
	return &w->node[node].arrival[proc];
}

static struct copy *copy_of(const struct move_worker *worker)
{
	return &worker->w->node[worker->node].copy[worker->proc];
}

static struct plan_event outcome(enum plan_event_kind kind, int code)
{
	return (struct plan_event){ .kind = kind, .code = code };
}

static struct plan_event nothing(void)
{
	return (struct plan_event){ 0 };
}

/* ---- the worker ---- */

static const char *row_side_name(const struct move_worker *worker)
{
	return worker->driver.side->is_source ? "source" : "target";
}

static void put_work(struct move_worker *worker, uint64_t us_max)
{
	struct world *w = worker->w;
	struct sim_event event = world_event(w, EVENT_WORK, worker->node);

	event.slot = worker->proc;
	event.b = worker->driver.side->is_source ? SIDE_SOURCE : SIDE_TARGET;
	worker->asleep = worker->hangs = false;
	worker->unfinished = true;
	world_put(w, event, world_random(w, 1, us_max));
}

static void go_on(struct move_worker *worker)
{
	const struct driver_row *row = driver_take(&worker->driver, &worker->effect);

	if (!row)
		return;
	worker->chunks = 0;
	/* Only what the plan can do without may take for ever. */
	worker->hangs = row->where == DRIVER_STEP && !worker->w->calm &&
			world_random(worker->w, 0, 299) == 0;
	worker->asleep = worker->hangs;
	if (!worker->hangs)
		put_work(worker, row->where == DRIVER_STEP ? 3000 : 300);
}

/* The step waits: until it is woken by what it waits for, or told. */
static void fall_asleep(struct move_worker *worker)
{
	worker->asleep = true;
	worker->unfinished = true;
}

static void interrupt(void *ctx)
{
	struct move_worker *worker = ctx;

	if (worker->asleep)
		put_work(worker, TELL_US);
}

static void tell(struct move_worker *worker, const struct plan_event *event)
{
	if (!worker->active)
		return;
	world_log(worker->w, "%s %d endpoint %d: %s %d in %s", row_side_name(worker), worker->node,
		  worker->proc, plan_event_name(event->kind), event->code,
		  driver_state_name(&worker->driver));
	driver_event(&worker->driver, event);
	go_on(worker);
}

void move_source_event(struct world *w, int node, int proc, enum plan_event_kind kind, int code,
		       uint32_t move)
{
	struct departure *d = departure_of(w, node, proc);
	struct plan_event event = { .kind = kind,
				    .now_ns = w->now_us * 1000,
				    .code = code,
				    .move = move,
				    .dry_run = d->dry_run };

	tell(&d->worker, &event);
}

void move_target_event(struct world *w, int node, int proc, enum plan_event_kind kind, int code,
		       uint32_t move)
{
	struct plan_event event = {
		.kind = kind, .now_ns = w->now_us * 1000, .code = code, .move = move
	};

	tell(&arrival_of(w, node, proc)->worker, &event);
}

/* ---- the connection ---- */

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

static bool conn_works(const struct world *w, int conn, int side)
{
	return conn >= 0 && w->conn[conn].open[side] && !w->conn[conn].broken;
}

static void conn_close(struct world *w, int conn, int side)
{
	struct conn *c;

	if (conn < 0 || !w->conn[conn].open[side])
		return;
	c = &w->conn[conn];
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

/* ---- the source's effects ---- */

static struct plan_event source_check(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;

	(void)effect;
	return outcome(PLAN_CHECKED, world_chance(worker->w, 2) ? EDVSNOSYS : 0);
}

static struct plan_event take_heard(struct move_worker *worker)
{
	struct plan_event heard = worker->heard;

	worker->heard = nothing();
	return heard;
}

static struct plan_event source_offer(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct world *w = worker->w;
	struct departure *d = departure_of(w, worker->node, worker->proc);
	struct conn *c;

	(void)effect;
	if (worker->heard.kind)
		return take_heard(worker);
	if (driver_told(&worker->driver) || w->cut[worker->node][d->target] ||
	    w->cut[d->target][worker->node] || !w->node[d->target].up || w->conns == CONNS_MAX)
		return outcome(PLAN_CONNECTION_LOST, EDVSNOTCONN);
	d->conn = w->conns++;
	c = &w->conn[d->conn];
	*c = (struct conn){ .node = { worker->node, d->target },
			    .life = { w->node[worker->node].life, w->node[d->target].life },
			    .slot = worker->proc,
			    .dry_run = d->dry_run,
			    .open = { true, true } };
	conn_say(w, d->conn, SIDE_TARGET, PLAN_OFFERED, (int)-d->generation, NULL, 1000);
	fall_asleep(worker);
	return nothing();
}

static struct plan_event propose(void *ctx, const struct plan_effect *effect)
{
	static const uint16_t kinds[PLAN_EFFECT_KINDS] = {
		[PLAN_DO_PROPOSE_START] = COMMAND_MOVE_START,
		[PLAN_DO_PROPOSE_COMMIT] = COMMAND_MOVE_COMMIT,
		[PLAN_DO_PROPOSE_ROLLBACK] = COMMAND_MOVE_ROLLBACK,
		[PLAN_DO_PROPOSE_UNBIND] = COMMAND_UNBIND,
	};
	struct move_worker *worker = ctx;
	struct departure *d = departure_of(worker->w, worker->node, worker->proc);

	order_propose(worker->w, worker->node,
		      (struct command){ .kind = kinds[effect->kind],
					.p_nr = SLOT_BASE + worker->proc,
					.generation = d->generation,
					.target = d->target,
					.move = worker->driver.source.move,
					.flags = effect->kind == PLAN_DO_PROPOSE_UNBIND
							 ? COMMAND_FLAG_DIED
							 : 0 });
	return nothing();
}

static struct plan_event freeze(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct copy *copy = copy_of(worker);
	struct departure *d = departure_of(worker->w, worker->node, worker->proc);

	(void)effect;
	if (copy->state != COPY_RUNNING || copy->program.generation != d->generation)
		return outcome(PLAN_FREEZE_REFUSED, EDVSBADPID);
	copy->state = COPY_FROZEN;
	daemon_hold(worker->w, worker->node, worker->proc);
	world_log(worker->w, "endpoint %d frozen at %d", worker->proc, worker->node);
	return outcome(PLAN_FROZEN, 0);
}

/* A part of a long transfer has gone through: both sides see that it gets on. */
static void get_on(struct world *w, struct move_worker *worker)
{
	worker->moved++;
	worker->moved_us = w->now_us;
}

static struct plan_event send_image(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct world *w = worker->w;
	struct departure *d = departure_of(w, worker->node, worker->proc);
	struct image *image;

	(void)effect;
	if (!conn_works(w, d->conn, SIDE_SOURCE) || world_chance(w, 3))
		return outcome(PLAN_SEND_FAILED, EDVSIO);
	if (!worker->chunks)
		worker->chunks = world_random(w, 0, 9) ? 1 : CHUNKS;
	get_on(w, worker);
	get_on(w, &arrival_of(w, d->target, worker->proc)->worker);
	if (--worker->chunks) {
		put_work(worker, CHUNK_US);
		return nothing();
	}
	image = calloc(1, sizeof(*image));
	if (!image)
		abort();
	image->program = copy_of(worker)->program;
	image->move = worker->driver.source.move;
	daemon_export(w, worker->node, worker->proc, image);
	conn_say(w, d->conn, SIDE_TARGET, PLAN_LOAD_DONE, 0, image, 20000);
	return outcome(PLAN_SENT, 0);
}

static struct plan_event await_loaded(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct plan_event heard;

	(void)effect;
	if (!worker->heard.kind && !driver_told(&worker->driver)) {
		fall_asleep(worker);
		return nothing();
	}
	/* Killed while it stood still. */
	if (!worker->w->calm && world_chance(worker->w, 2) &&
	    copy_of(worker)->state == COPY_FROZEN) {
		copy_of(worker)->state = COPY_DEAD;
		return outcome(PLAN_PROCESS_DIED, EDVSSRCDIED);
	}
	heard = take_heard(worker);
	if (heard.kind == PLAN_TARGET_LOADED)
		return heard;
	return outcome(PLAN_TARGET_FAILED, heard.code ? heard.code : EDVSNOTCONN);
}

static void run_on(struct move_worker *worker)
{
	struct copy *copy = copy_of(worker);

	if (copy->state != COPY_FROZEN)
		return;
	copy->state = COPY_RUNNING;
	daemon_unhold(worker->w, worker->node, worker->proc);
	daemon_offer(worker->w, worker->node, worker->proc);
	world_log(worker->w, "endpoint %d thawed at %d", worker->proc, worker->node);
	process_run(worker->w, worker->node, worker->proc);
}

static struct plan_event thaw(void *ctx, const struct plan_effect *effect)
{
	(void)effect;
	run_on(ctx);
	return nothing();
}

static struct plan_event kill_source(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct departure *d = departure_of(worker->w, worker->node, worker->proc);

	(void)effect;
	if (copy_of(worker)->program.generation == d->generation)
		copy_of(worker)->state = COPY_NONE;
	return nothing();
}

/* Before any later command lets another process come here. */
static struct plan_event release(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;

	(void)effect;
	daemon_release(worker->w, worker->node, worker->proc);
	return nothing();
}

static struct plan_event source_close(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;

	(void)effect;
	conn_close(worker->w, departure_of(worker->w, worker->node, worker->proc)->conn,
		   SIDE_SOURCE);
	return nothing();
}

static struct plan_event report(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct sim_report *sum = worker->w->report;

	sum->committed += effect->result == PLAN_COMMITTED;
	sum->rolled_back += effect->result == PLAN_ROLLED_BACK;
	sum->refused += effect->result == PLAN_REFUSED;
	sum->possible += effect->result == PLAN_POSSIBLE;
	sum->lost += effect->result == PLAN_LOST;
	sum->cancelled += effect->code == EDVSINTR;
	sum->overdue_source |= 1u << worker->driver.source.overdue;
	return nothing();
}

/* ---- the target's effects ---- */

static struct plan_event receive_offer(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct plan_event event = { .kind = PLAN_OFFERED };
	struct world *w = worker->w;
	struct arrival *a = arrival_of(w, worker->node, worker->proc);

	(void)effect;
	if (!conn_works(w, a->conn, SIDE_TARGET))
		return outcome(PLAN_CONNECTION_LOST, EDVSNOTCONN);
	event.dry_run = w->conn[a->conn].dry_run;
	return event;
}

static struct plan_event target_check(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct departure *d = departure_of(worker->w, worker->node, worker->proc);
	bool refused = copy_of(worker)->state != COPY_NONE || d->worker.active ||
		       world_chance(worker->w, 2);

	(void)effect;
	return outcome(PLAN_CHECKED, refused ? EDVSBUSY : 0);
}

static struct plan_event load(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct plan_event event = { .kind = PLAN_LOAD_DONE };
	struct arrival *a = arrival_of(worker->w, worker->node, worker->proc);
	struct copy *copy = copy_of(worker);

	(void)effect;
	if (!a->image && !worker->heard.kind && !driver_told(&worker->driver)) {
		fall_asleep(worker);
		return nothing();
	}
	if (!a->image || copy->state != COPY_NONE || world_chance(worker->w, 4))
		return outcome(PLAN_LOAD_FAILED, EDVSNOMEM);
	copy->state = COPY_HELD;
	copy->program = a->image->program;
	event.move = a->image->move;
	return event;
}

static struct plan_event say(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct arrival *a = arrival_of(worker->w, worker->node, worker->proc);
	enum plan_event_kind kind = effect->kind == PLAN_DO_SAY_READY	 ? PLAN_TARGET_READY
				    : effect->kind == PLAN_DO_SAY_LOADED ? PLAN_TARGET_LOADED
									 : PLAN_TARGET_REFUSED;

	if (!conn_works(worker->w, a->conn, SIDE_TARGET))
		return outcome(PLAN_CONNECTION_LOST, 0);
	conn_say(worker->w, a->conn, SIDE_SOURCE, kind, effect->code, NULL, 1000);
	return nothing();
}

static void propose_died(struct move_worker *worker, uint32_t generation)
{
	order_propose(worker->w, worker->node,
		      (struct command){ .kind = COMMAND_UNBIND,
					.p_nr = SLOT_BASE + worker->proc,
					.generation = generation,
					.flags = COMMAND_FLAG_DIED });
}

static struct plan_event target_unbind(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;

	(void)effect;
	propose_died(worker, arrival_of(worker->w, worker->node, worker->proc)->generation);
	return nothing();
}

/* Before any later command: its conversations are merged, its ends are its own. */
static struct plan_event take_over(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct world *w = worker->w;
	struct copy *copy = copy_of(worker);
	struct arrival *a = arrival_of(w, worker->node, worker->proc);

	(void)effect;
	/* It was killed while it was held: an ordinary process of this node has ended. */
	if (copy->state == COPY_LOST)
		propose_died(worker, a->generation);
	if (copy->state != COPY_HELD)
		return nothing();
	copy->state = COPY_TAKEN;
	daemon_import(w, worker->node, a->image);
	daemon_unhold(w, worker->node, worker->proc);
	daemon_offer(w, worker->node, worker->proc);
	return nothing();
}

static struct plan_event resume(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct copy *copy = copy_of(worker);

	(void)effect;
	if (copy->state != COPY_TAKEN)
		return nothing();
	copy->state = COPY_RUNNING;
	world_log(worker->w, "endpoint %d resumed at %d", worker->proc, worker->node);
	process_run(worker->w, worker->node, worker->proc);
	return nothing();
}

static struct plan_event discard(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;

	(void)effect;
	if (copy_of(worker)->state == COPY_HELD)
		copy_of(worker)->state = COPY_NONE;
	return nothing();
}

static struct plan_event target_close(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;

	(void)effect;
	conn_close(worker->w, arrival_of(worker->w, worker->node, worker->proc)->conn, SIDE_TARGET);
	return nothing();
}

/* ---- the tables ---- */

#define EVENT DRIVER_EVENT

static const struct driver_row source_rows[] = {
	{ PLAN_DO_CHECK, DRIVER_STEP, source_check, EVENT(PLAN_CHECKED) },
	{ PLAN_DO_CONNECT_AND_OFFER, DRIVER_STEP, source_offer,
	  EVENT(PLAN_TARGET_READY) | EVENT(PLAN_TARGET_REFUSED) | EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_PROPOSE_START, DRIVER_IN_TURN, propose, 0 },
	{ PLAN_DO_FREEZE, DRIVER_STEP, freeze, EVENT(PLAN_FROZEN) | EVENT(PLAN_FREEZE_REFUSED) },
	{ PLAN_DO_SEND, DRIVER_STEP, send_image, EVENT(PLAN_SENT) | EVENT(PLAN_SEND_FAILED) },
	{ PLAN_DO_AWAIT_LOADED, DRIVER_STEP, await_loaded,
	  EVENT(PLAN_TARGET_LOADED) | EVENT(PLAN_TARGET_FAILED) | EVENT(PLAN_PROCESS_DIED) },
	{ PLAN_DO_PROPOSE_COMMIT, DRIVER_IN_TURN, propose, 0 },
	{ PLAN_DO_PROPOSE_ROLLBACK, DRIVER_IN_TURN, propose, 0 },
	{ PLAN_DO_PROPOSE_UNBIND, DRIVER_IN_TURN, propose, 0 },
	{ PLAN_DO_THAW, DRIVER_IN_TURN, thaw, 0 },
	{ PLAN_DO_RELEASE, DRIVER_AT_ONCE, release, 0 },
	{ PLAN_DO_KILL_SOURCE, DRIVER_IN_TURN, kill_source, 0 },
	{ PLAN_DO_CLOSE, DRIVER_IN_TURN, source_close, 0 },
	{ PLAN_DO_REPORT, DRIVER_IN_TURN, report, 0 },
};

static const struct driver_row target_rows[] = {
	{ PLAN_DO_RECEIVE_OFFER, DRIVER_STEP, receive_offer,
	  EVENT(PLAN_OFFERED) | EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_CHECK, DRIVER_STEP, target_check, EVENT(PLAN_CHECKED) },
	{ PLAN_DO_SPAWN_AND_LOAD, DRIVER_STEP, load,
	  EVENT(PLAN_LOAD_DONE) | EVENT(PLAN_LOAD_FAILED) },
	{ PLAN_DO_SAY_READY, DRIVER_IN_TURN, say, EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_SAY_LOADED, DRIVER_IN_TURN, say, EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_SAY_REFUSED, DRIVER_IN_TURN, say, EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_TAKE_OVER, DRIVER_AT_ONCE, take_over, 0 },
	{ PLAN_DO_RESUME, DRIVER_IN_TURN, resume, 0 },
	{ PLAN_DO_DISCARD, DRIVER_IN_TURN, discard, 0 },
	{ PLAN_DO_PROPOSE_UNBIND, DRIVER_IN_TURN, target_unbind, 0 },
	{ PLAN_DO_CLOSE, DRIVER_IN_TURN, target_close, 0 },
};

const struct driver_side move_source_side = {
	.is_source = true,
	.row = source_rows,
	.rows = sizeof(source_rows) / sizeof(source_rows[0]),
	.told = EVENT(PLAN_REQUESTED) | EVENT(PLAN_START_APPLIED) | EVENT(PLAN_COMMIT_APPLIED) |
		EVENT(PLAN_ROLLED_BACK_APPLIED) | EVENT(PLAN_ENDPOINT_DEAD) |
		EVENT(PLAN_PROCESS_DIED) | EVENT(PLAN_TARGET_NODE_LEFT) | EVENT(PLAN_CANCELLED),
	.interrupt = interrupt,
};

const struct driver_side move_target_side = {
	.row = target_rows,
	.rows = sizeof(target_rows) / sizeof(target_rows[0]),
	.told = EVENT(PLAN_CALLED) | EVENT(PLAN_START_APPLIED) | EVENT(PLAN_COMMIT_APPLIED) |
		EVENT(PLAN_ROLLED_BACK_APPLIED) | EVENT(PLAN_ENDPOINT_DEAD) |
		EVENT(PLAN_SOURCE_NODE_LEFT),
	.interrupt = interrupt,
};

static void worker_begin(struct world *w, struct move_worker *worker, int node, int proc,
			 const struct driver_side *side)
{
	*worker = (struct move_worker){ .w = w, .node = node, .proc = proc, .active = true };
	worker->moved_us = w->now_us;
	driver_init(&worker->driver, side, &limits, worker);
}

void move_request(struct world *w, int node, int proc, int target)
{
	struct departure *d = departure_of(w, node, proc);
	struct copy *copy = &w->node[node].copy[proc];

	if (d->worker.active) {
		if (world_chance(w, 5))
			move_source_event(w, node, proc, PLAN_CANCELLED, 0, 0);
		return;
	}
	if (arrival_of(w, node, proc)->worker.active || copy->state != COPY_RUNNING)
		return;
	worker_begin(w, &d->worker, node, proc, &move_source_side);
	d->target = target;
	d->conn = -1;
	d->generation = copy->program.generation;
	d->dry_run = world_chance(w, 5);
	world_log(w, "endpoint %d is to move from %d to %d", proc, node, target);
	move_source_event(w, node, proc, PLAN_REQUESTED, 0, 0);
}

/* A worker is thrown away when its plan has ended and nothing is left to do. */
static void tidy(struct world *w, int node, int proc)
{
	struct departure *d = departure_of(w, node, proc);
	struct arrival *a = arrival_of(w, node, proc);
	struct copy *copy = &w->node[node].copy[proc];
	const struct directory_endpoint *ep = world_endpoint(&w->node[node].directory, proc);

	if (d->worker.active && driver_is_over(&d->worker.driver)) {
		conn_close(w, d->conn, SIDE_SOURCE);
		d->worker.active = false;
		/* It died when the plan had ended already, which did not hear of it. */
		if (copy->state == COPY_DEAD && copy->program.generation == d->generation)
			propose_died(&d->worker, d->generation);
	}
	if (!a->worker.active || !driver_is_over(&a->worker.driver))
		return;
	w->report->overdue_target |= 1u << a->worker.driver.target.overdue;
	conn_close(w, a->conn, SIDE_TARGET);
	a->worker.active = false;
	free(a->image);
	a->image = NULL;
	if (copy->state == COPY_LOST && (!ep->bound || ep->node != node))
		copy->state = COPY_NONE;
}

void move_on_work(struct world *w, const struct sim_event *event)
{
	int node = event->node, proc = event->slot;
	struct move_worker *worker = event->b == SIDE_SOURCE ? &departure_of(w, node, proc)->worker
							     : &arrival_of(w, node, proc)->worker;
	const struct driver_row *row = worker->driver.running;
	struct plan_event done = nothing();
	bool is_told = row->where == DRIVER_STEP && driver_told(&worker->driver);

	worker->unfinished = false;
	/* A step that is told may have been through just then. */
	if (!is_told || world_chance(w, 50))
		done = row->run(worker, &worker->effect);
	if (worker->unfinished)
		return;
	done.now_ns = w->now_us * 1000;
	if (done.kind)
		world_log(w, "%s %d endpoint %d: %s %d in %s", row_side_name(worker), node, proc,
			  plan_event_name(done.kind), done.code,
			  driver_state_name(&worker->driver));
	driver_done(&worker->driver, &done);
	go_on(worker);
	tidy(w, node, proc);
}

static void on_offered(struct world *w, int conn, uint32_t generation)
{
	struct conn *c = &w->conn[conn];
	int node = c->node[SIDE_TARGET];
	struct arrival *a = arrival_of(w, node, c->slot);

	if (a->worker.active) {
		conn_say(w, conn, SIDE_SOURCE, PLAN_TARGET_REFUSED, EDVSBUSY, NULL, 1000);
		conn_close(w, conn, SIDE_TARGET);
		return;
	}
	worker_begin(w, &a->worker, node, c->slot, &move_target_side);
	a->source = c->node[SIDE_SOURCE];
	a->conn = conn;
	a->generation = generation;
	a->image = NULL;
	move_target_event(w, node, c->slot, PLAN_CALLED, 0, 0);
}

/* The mutations: what happens if a lost connection is allowed to decide. */
static void on_lost(struct world *w, const struct conn *c, int side)
{
	struct departure *d = departure_of(w, c->node[side], c->slot);
	struct arrival *a = arrival_of(w, c->node[side], c->slot);

	if (side == SIDE_SOURCE && world_mutated(w, SIM_THAW_ON_CUT) && d->worker.active &&
	    d->worker.driver.source.state == PLAN_SOURCE_COMMITTING)
		run_on(&d->worker);
	if (side == SIDE_TARGET && world_mutated(w, SIM_RESUME_ON_CUT) && a->worker.active &&
	    a->worker.driver.target.state == PLAN_TARGET_HOLDING) {
		take_over(&a->worker, NULL);
		resume(&a->worker, NULL);
	}
}

static void conn_arrived(struct world *w, int conn, int side, struct sim_event *event)
{
	struct conn *c = &w->conn[conn];
	struct departure *d = departure_of(w, c->node[side], c->slot);
	struct arrival *a = arrival_of(w, c->node[side], c->slot);
	struct move_worker *worker = side == SIDE_SOURCE ? &d->worker : &a->worker;

	if (event->b == PLAN_CONNECTION_LOST) {
		on_lost(w, c, side);
		c->open[side] = false;
	}
	if (event->b == PLAN_OFFERED) {
		on_offered(w, conn, event->tag);
		return;
	}
	if (!worker->active || (side == SIDE_SOURCE ? d->conn : a->conn) != conn)
		return;
	if (event->b == PLAN_LOAD_DONE && !a->image) {
		a->image = event->data;
		event->data = NULL;
	} else if (!worker->heard.kind) {
		worker->heard =
			outcome((enum plan_event_kind)event->b,
				event->b == PLAN_CONNECTION_LOST ? EDVSNOTCONN : -(int)event->tag);
	}
	if (worker->asleep && !worker->hangs)
		put_work(worker, 10);
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

/* The limit ends what does not get on, and nothing that does. */
static void look(struct world *w, struct move_worker *worker)
{
	bool is_source, was_overdue, is_overdue;

	if (!worker->active || world_mutated(w, SIM_NO_LIMIT))
		return;
	is_source = worker->driver.side->is_source;
	was_overdue = is_source ? worker->driver.source.overdue : worker->driver.target.overdue;
	driver_look(&worker->driver, w->now_us * 1000,
		    world_mutated(w, SIM_NO_PROGRESS) ? 0 : worker->moved);
	is_overdue = is_source ? worker->driver.source.overdue == PLAN_SOURCE_SENDING
			       : worker->driver.target.overdue == PLAN_TARGET_LOADING;
	if (is_overdue && !was_overdue && worker->moved &&
	    w->now_us - worker->moved_us < limits.transfer_ns / 1000)
		world_fail(w, "I5: the move of endpoint %d is given up by the %s, and it got on",
			   worker->proc, row_side_name(worker));
	go_on(worker);
}

void move_on_tick(struct world *w, int node)
{
	for (int proc = 0; proc < w->procs; proc++) {
		struct copy *copy = &w->node[node].copy[proc];

		look(w, &departure_of(w, node, proc)->worker);
		look(w, &arrival_of(w, node, proc)->worker);
		if (copy->state == COPY_HELD && !w->calm && world_chance(w, 1))
			copy->state = COPY_LOST;
		tidy(w, node, proc);
	}
	world_put(w, world_event(w, EVENT_TICK, node), TICK_US);
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
