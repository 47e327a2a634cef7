/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Moves: the product's driver and plans (core/driver.h) with made-up functions behind the effects. A worker
 * (worker.c) carries them out; words to the other side go over the migration's connection
 * (conn.c), in order until it breaks.
 */

#include <stdlib.h>
#include <string.h>

#include "sim/move_part.h"

#define TICK_US 5000

static const struct plan_limits limits = { .prepare_ns = 60000000,
					   .transfer_ns = 60000000,
					   .decide_ns = 15000000 };

static void worker_begin(struct world *w, struct move_worker *worker, int node, int proc,
			 const struct driver_side *side)
{
	*worker = (struct move_worker){ .w = w, .node = node, .proc = proc, .active = true };
	worker->moved_us = w->now_us;
	driver_init(&worker->driver, side, &limits, worker);
}

/* No part of a move, as far as the node knows. */
static bool is_free(struct world *w, int node, int proc)
{
	return !move_of(w, node, proc) && !move_arrival(w, node, proc)->worker.active &&
	       w->node[node].copy[proc].state == COPY_RUNNING;
}

/* Endpoints of one node may be of one tree of processes. */
static void choose_fellows(struct world *w, int node, struct departure *d)
{
	uint32_t chance = world_chance(w, 40) ? 60 : 0;

	d->fellows = (struct fellows){ .procs = 0 };
	for (int proc = 0; proc < w->procs; proc++) {
		bool joins = proc == d->worker.proc ||
			     (chance && is_free(w, node, proc) && world_chance(w, chance));

		d->fellows.procs |= (uint32_t)joins << proc;
		d->fellows.generation[proc] = w->node[node].copy[proc].program.generation;
	}
	d->generation = d->fellows.generation[d->worker.proc];
}

void move_request(struct world *w, int node, int proc, int target)
{
	struct departure *d = move_departure(w, node, proc);

	assert(node != target);
	if (d->worker.active) {
		if (world_chance(w, 5))
			move_source_event(w, node, proc, PLAN_CANCELLED, 0, 0);
		return;
	}
	if (!is_free(w, node, proc))
		return;
	worker_begin(w, &d->worker, node, proc, &move_source_side);
	d->target = target;
	d->conn = -1;
	choose_fellows(w, node, d);
	d->dry_run = world_chance(w, 5);
	world_log(w, "endpoint %d is to move from %d to %d", proc, node, target);
	move_source_event(w, node, proc, PLAN_REQUESTED, 0, 0);
}

/* Of those that died, the plan sees to the end of its own endpoint, if it has not ended before that. */
static void propose_left(struct departure *d)
{
	assert(!d->worker.active);
	MOVE_EACH (proc, &d->fellows) {
		const struct copy *copy = move_copy(&d->worker, proc);

		if (copy->state == COPY_DEAD &&
		    copy->program.generation == d->fellows.generation[proc])
			move_propose_died(&d->worker, proc, d->fellows.generation[proc]);
	}
}

static void forget_lost(struct world *w, int node, int proc)
{
	struct copy *copy = &w->node[node].copy[proc];
	const struct directory_endpoint *ep = world_endpoint(&w->node[node].directory, proc);

	if (copy->state == COPY_LOST && (!ep->bound || ep->node != node))
		copy->state = COPY_NONE;
}

/* A worker is thrown away when its plan has ended and nothing is left to do. */
static void tidy(struct world *w, int node, int proc)
{
	struct departure *d = move_departure(w, node, proc);
	struct arrival *a = move_arrival(w, node, proc);

	if (d->worker.active && driver_is_over(&d->worker.driver)) {
		conn_close(w, d->conn, SIDE_SOURCE);
		d->worker.active = false;
		propose_left(d);
	}
	if (!a->worker.active || !driver_is_over(&a->worker.driver))
		return;
	w->report->overdue_target |= 1u << a->worker.driver.target.overdue;
	conn_close(w, a->conn, SIDE_TARGET);
	a->worker.active = false;
	free(a->image);
	a->image = NULL;
	MOVE_EACH (each, &a->fellows)
		if (a->loaded)
			forget_lost(w, node, each);
	a->loaded = false;
}

void move_on_work(struct world *w, const struct sim_event *event)
{
	int node = event->node, proc = event->slot;
	struct move_worker *worker = event->b == SIDE_SOURCE
					     ? &move_departure(w, node, proc)->worker
					     : &move_arrival(w, node, proc)->worker;
	const struct driver_row *row = worker->driver.running;
	struct plan_event done = move_nothing();
	bool is_told = row->where == DRIVER_STEP && driver_told(&worker->driver);

	assert(row);
	worker->unfinished = false;
	/* A step that is told may have been through just then. */
	if (!is_told || world_chance(w, 50))
		done = row->run(worker, &worker->effect);
	if (worker->unfinished)
		return;
	done.now_ns = w->now_us * 1000;
	if (done.kind)
		world_log(w, "%s %d endpoint %d: %s %d in %s", worker_side_name(worker), node, proc,
			  plan_event_name(done.kind), done.code,
			  driver_state_name(&worker->driver));
	driver_done(&worker->driver, &done);
	worker_go_on(worker);
	tidy(w, node, proc);
}

static void on_offered(struct world *w, int conn, uint32_t generation)
{
	struct conn *c = &w->conn[conn];
	int node = c->node[SIDE_TARGET];
	struct arrival *a = move_arrival(w, node, c->slot);

	assert(c->open[SIDE_TARGET]);
	if (a->worker.active) {
		conn_say(w, conn, SIDE_SOURCE, PLAN_TARGET_REFUSED, EDVSBUSY, NULL, 1000);
		conn_close(w, conn, SIDE_TARGET);
		return;
	}
	worker_begin(w, &a->worker, node, c->slot, &move_target_side);
	a->source = c->node[SIDE_SOURCE];
	a->conn = conn;
	a->generation = generation;
	a->fellows = c->fellows;
	a->image = NULL;
	a->loaded = false;
	move_target_event(w, node, c->slot, PLAN_CALLED, 0, 0);
}

/* The mutations: a lost connection is allowed to decide. */
static void on_lost(struct world *w, const struct conn *c, int side)
{
	struct departure *d = move_departure(w, c->node[side], c->slot);
	struct arrival *a = move_arrival(w, c->node[side], c->slot);

	if (side == SIDE_SOURCE && world_mutated(w, SIM_THAW_ON_CUT) && d->worker.active &&
	    d->worker.driver.source.state == PLAN_SOURCE_COMMITTING)
		move_source_run_on(&d->worker);
	if (side == SIDE_TARGET && world_mutated(w, SIM_RESUME_ON_CUT) && a->worker.active &&
	    a->worker.driver.target.state == PLAN_TARGET_HOLDING) {
		move_take_over(&a->worker, NULL);
		move_resume(&a->worker, NULL);
	}
}

static void conn_arrived(struct world *w, int conn, int side, struct sim_event *event)
{
	struct conn *c = &w->conn[conn];
	struct departure *d = move_departure(w, c->node[side], c->slot);
	struct arrival *a = move_arrival(w, c->node[side], c->slot);
	struct move_worker *worker = side == SIDE_SOURCE ? &d->worker : &a->worker;

	assert(worker->w == w || !worker->active);
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
		worker->heard = move_outcome((enum plan_event_kind)event->b,
					     event->b == PLAN_CONNECTION_LOST ? EDVSNOTCONN
									      : -(int)event->tag);
	}
	if (worker->asleep && !worker->hangs)
		worker_put(worker, 10);
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
			   worker->proc, worker_side_name(worker));
	worker_go_on(worker);
}

void move_on_tick(struct world *w, int node)
{
	for (int proc = 0; proc < w->procs; proc++) {
		struct copy *copy = &w->node[node].copy[proc];

		look(w, &move_departure(w, node, proc)->worker);
		look(w, &move_arrival(w, node, proc)->worker);
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
		memset(move_arrival(w, node, proc), 0, sizeof(struct arrival));
		memset(move_departure(w, node, proc), 0, sizeof(struct departure));
	}
}
