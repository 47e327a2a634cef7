/* SPDX-License-Identifier: Apache-2.0 */

/* The target's effects, and its table. */

#include "sim/move_part.h"

static struct plan_event receive_offer(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct plan_event event = { .kind = PLAN_OFFERED };
	struct world *w = worker->w;
	struct arrival *a = move_arrival(w, worker->node, worker->proc);

	(void)effect;
	if (!conn_works(w, a->conn, SIDE_TARGET))
		return move_outcome(PLAN_CONNECTION_LOST, EDVSNOTCONN);
	event.dry_run = w->conn[a->conn].dry_run;
	return event;
}

static struct plan_event target_check(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct departure *d = move_departure(worker->w, worker->node, worker->proc);
	bool refused = move_copy(worker)->state != COPY_NONE || d->worker.active ||
		       world_chance(worker->w, 2);

	(void)effect;
	return move_outcome(PLAN_CHECKED, refused ? EDVSBUSY : 0);
}

static struct plan_event load(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct plan_event event = { .kind = PLAN_LOAD_DONE };
	struct arrival *a = move_arrival(worker->w, worker->node, worker->proc);
	struct copy *copy = move_copy(worker);

	assert(!worker->driver.side->is_source);
	(void)effect;
	if (!a->image && !worker->heard.kind && !driver_told(&worker->driver)) {
		worker_sleep(worker);
		return move_nothing();
	}
	if (!a->image || copy->state != COPY_NONE || world_chance(worker->w, 4))
		return move_outcome(PLAN_LOAD_FAILED, EDVSNOMEM);
	copy->state = COPY_HELD;
	copy->program = a->image->program;
	event.move = a->image->move;
	return event;
}

static struct plan_event say(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct arrival *a = move_arrival(worker->w, worker->node, worker->proc);
	enum plan_event_kind kind = effect->kind == PLAN_DO_SAY_READY	 ? PLAN_TARGET_READY
				    : effect->kind == PLAN_DO_SAY_LOADED ? PLAN_TARGET_LOADED
									 : PLAN_TARGET_REFUSED;

	if (!conn_works(worker->w, a->conn, SIDE_TARGET))
		return move_outcome(PLAN_CONNECTION_LOST, 0);
	conn_say(worker->w, a->conn, SIDE_SOURCE, kind, effect->code, NULL, 1000);
	return move_nothing();
}

static struct plan_event target_unbind(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;

	(void)effect;
	move_propose_died(worker, move_arrival(worker->w, worker->node, worker->proc)->generation);
	return move_nothing();
}

/* Before any later command: its conversations are merged, its ends are its own. */
struct plan_event move_take_over(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct world *w = worker->w;
	struct copy *copy = move_copy(worker);
	struct arrival *a = move_arrival(w, worker->node, worker->proc);

	assert(copy->state != COPY_HELD || a->image);
	(void)effect;
	/* It was killed while it was held: an ordinary process of this node has ended. */
	if (copy->state == COPY_LOST)
		move_propose_died(worker, a->generation);
	if (copy->state != COPY_HELD)
		return move_nothing();
	copy->state = COPY_TAKEN;
	copy->held = false;
	daemon_import(w, worker->node, a->image);
	daemon_unhold(w, worker->node, worker->proc);
	daemon_offer(w, worker->node, worker->proc);
	return move_nothing();
}

struct plan_event move_resume(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct copy *copy = move_copy(worker);

	assert(copy->state != COPY_FROZEN);
	(void)effect;
	if (copy->state != COPY_TAKEN)
		return move_nothing();
	copy->state = COPY_RUNNING;
	world_log(worker->w, "endpoint %d resumed at %d", worker->proc, worker->node);
	process_run(worker->w, worker->node, worker->proc);
	return move_nothing();
}

static struct plan_event discard(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;

	(void)effect;
	if (move_copy(worker)->state == COPY_HELD)
		move_copy(worker)->state = COPY_NONE;
	return move_nothing();
}

static struct plan_event target_close(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;

	(void)effect;
	conn_close(worker->w, move_arrival(worker->w, worker->node, worker->proc)->conn,
		   SIDE_TARGET);
	return move_nothing();
}

#define EVENT DRIVER_EVENT

static const struct driver_row target_rows[] = {
	{ PLAN_DO_RECEIVE_OFFER, DRIVER_STEP, receive_offer,
	  EVENT(PLAN_OFFERED) | EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_CHECK, DRIVER_STEP, target_check, EVENT(PLAN_CHECKED) },
	{ PLAN_DO_SPAWN_AND_LOAD, DRIVER_STEP, load,
	  EVENT(PLAN_LOAD_DONE) | EVENT(PLAN_LOAD_FAILED) },
	{ PLAN_DO_SAY_READY, DRIVER_IN_TURN, say, EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_SAY_LOADED, DRIVER_IN_TURN, say, EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_SAY_REFUSED, DRIVER_IN_TURN, say, EVENT(PLAN_CONNECTION_LOST) },
	{ PLAN_DO_TAKE_OVER, DRIVER_AT_ONCE, move_take_over, 0 },
	{ PLAN_DO_RESUME, DRIVER_IN_TURN, move_resume, 0 },
	{ PLAN_DO_DISCARD, DRIVER_IN_TURN, discard, 0 },
	{ PLAN_DO_PROPOSE_UNBIND, DRIVER_IN_TURN, target_unbind, 0 },
	{ PLAN_DO_CLOSE, DRIVER_IN_TURN, target_close, 0 },
};

const struct driver_side move_target_side = {
	.row = target_rows,
	.rows = sizeof(target_rows) / sizeof(target_rows[0]),
	.told = EVENT(PLAN_CALLED) | EVENT(PLAN_START_APPLIED) | EVENT(PLAN_COMMIT_APPLIED) |
		EVENT(PLAN_ROLLED_BACK_APPLIED) | EVENT(PLAN_ENDPOINT_DEAD) |
		EVENT(PLAN_SOURCE_NODE_LEFT),
	.interrupt = worker_interrupt,
};
