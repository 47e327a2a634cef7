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

/* No process of any of them is here. */
static bool has_room(const struct move_worker *worker, const struct fellows *fellows)
{
	bool room = true;

	MOVE_EACH (proc, fellows)
		room = room && move_copy(worker, proc)->state == COPY_NONE;
	return room;
}

static struct plan_event target_check(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct departure *d = move_departure(worker->w, worker->node, worker->proc);
	const struct arrival *a = move_arrival(worker->w, worker->node, worker->proc);
	bool refused =
		!has_room(worker, &a->fellows) || d->worker.active || world_chance(worker->w, 2);

	(void)effect;
	return move_outcome(PLAN_CHECKED, refused ? EDVSBUSY : 0);
}

static struct plan_event load(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct plan_event event = { .kind = PLAN_LOAD_DONE };
	struct arrival *a = move_arrival(worker->w, worker->node, worker->proc);

	assert(!worker->driver.side->is_source);
	(void)effect;
	if (!a->image && !worker->heard.kind && !driver_told(&worker->driver)) {
		worker_sleep(worker);
		return move_nothing();
	}
	if (!a->image || !has_room(worker, &a->fellows) || world_chance(worker->w, 4))
		return move_outcome(PLAN_LOAD_FAILED, EDVSNOMEM);
	MOVE_EACH (proc, &a->fellows) {
		move_copy(worker, proc)->state = COPY_HELD;
		move_copy(worker, proc)->program = a->image[proc].program;
	}
	a->loaded = true;
	event.move = a->image[worker->proc].move;
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
	const struct arrival *a = move_arrival(worker->w, worker->node, worker->proc);

	MOVE_EACH (proc, &a->fellows)
		move_propose_died(worker, proc, a->fellows.generation[proc]);
	return move_nothing();
}

/* Before any later command: their conversations are merged, their ends are their own. */
struct plan_event move_take_over(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct world *w = worker->w;
	struct arrival *a = move_arrival(w, worker->node, worker->proc);

	(void)effect;
	/* All of them are here before a line is joined: those between two of them have both ends here. */
	MOVE_EACH (proc, &a->fellows) {
		struct copy *copy = move_copy(worker, proc);

		assert(copy->state != COPY_HELD || a->image);
		/* It was killed while it was held: an ordinary process of this node has ended. */
		if (copy->state == COPY_LOST)
			move_propose_died(worker, proc, a->fellows.generation[proc]);
		if (copy->state != COPY_HELD ||
		    (world_mutated(w, SIM_TAKE_ONE) && proc != worker->proc))
			continue;
		copy->state = COPY_TAKEN;
		copy->held = false;
	}
	MOVE_EACH (proc, &a->fellows) {
		if (move_copy(worker, proc)->state != COPY_TAKEN)
			continue;
		daemon_import(w, worker->node, &a->image[proc]);
		daemon_unhold(w, worker->node, proc);
		daemon_offer(w, worker->node, proc);
	}
	return move_nothing();
}

struct plan_event move_resume(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	const struct arrival *a = move_arrival(worker->w, worker->node, worker->proc);

	(void)effect;
	MOVE_EACH (proc, &a->fellows) {
		struct copy *copy = move_copy(worker, proc);

		assert(copy->state != COPY_FROZEN);
		if (copy->state != COPY_TAKEN)
			continue;
		copy->state = COPY_RUNNING;
		world_log(worker->w, "endpoint %d resumed at %d", proc, worker->node);
		process_run(worker->w, worker->node, proc);
	}
	return move_nothing();
}

static struct plan_event discard(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	const struct arrival *a = move_arrival(worker->w, worker->node, worker->proc);

	(void)effect;
	/* Another move may have brought one of them meanwhile. */
	MOVE_EACH (proc, &a->fellows)
		if (a->loaded && move_copy(worker, proc)->state == COPY_HELD)
			move_copy(worker, proc)->state = COPY_NONE;
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
