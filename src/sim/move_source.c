/* SPDX-License-Identifier: Apache-2.0 */

/* The source's effects, and its table. */

#include <stdlib.h>

#include "sim/move_part.h"

#define CHUNK_US 40000 /* at most between two signs of life of a long transfer */
#define CHUNKS	 6

static struct plan_event source_check(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;

	(void)effect;
	return move_outcome(PLAN_CHECKED, world_chance(worker->w, 2) ? EDVSNOSYS : 0);
}

static struct plan_event source_offer(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct world *w = worker->w;
	struct departure *d = move_departure(w, worker->node, worker->proc);
	struct conn *c;

	assert(d->conn < 0 || worker->heard.kind || driver_told(&worker->driver));
	(void)effect;
	if (worker->heard.kind)
		return worker_take_heard(worker);
	if (driver_told(&worker->driver) || w->cut[worker->node][d->target] ||
	    w->cut[d->target][worker->node] || !w->node[d->target].up || w->conns == CONNS_MAX)
		return move_outcome(PLAN_CONNECTION_LOST, EDVSNOTCONN);
	d->conn = w->conns++;
	c = &w->conn[d->conn];
	*c = (struct conn){ .node = { worker->node, d->target },
			    .life = { w->node[worker->node].life, w->node[d->target].life },
			    .slot = worker->proc,
			    .fellows = d->fellows,
			    .dry_run = d->dry_run,
			    .open = { true, true } };
	conn_say(w, d->conn, SIDE_TARGET, PLAN_OFFERED, (int)-d->generation, NULL, 1000);
	worker_sleep(worker);
	return move_nothing();
}

static void name_fellows(const struct departure *d, struct command *cmd)
{
	MOVE_EACH (proc, &d->fellows)
		if (proc != d->worker.proc)
			cmd->fellow[cmd->fellows++] =
				_ENDPOINT((int)d->fellows.generation[proc], SLOT_BASE + proc);
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
	struct departure *d = move_departure(worker->w, worker->node, worker->proc);
	struct command cmd = { .kind = kinds[effect->kind],
			       .p_nr = SLOT_BASE + worker->proc,
			       .generation = d->generation,
			       .target = d->target,
			       .move = worker->driver.source.move };

	assert(kinds[effect->kind]);
	if (effect->kind == PLAN_DO_PROPOSE_UNBIND)
		cmd.flags = COMMAND_FLAG_DIED;
	if (effect->kind == PLAN_DO_PROPOSE_START)
		name_fellows(d, &cmd);
	order_propose(worker->w, worker->node, cmd);
	return move_nothing();
}

static struct plan_event freeze(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct departure *d = move_departure(worker->w, worker->node, worker->proc);

	assert(worker->driver.side->is_source);
	(void)effect;
	MOVE_EACH (proc, &d->fellows)
		if (move_copy(worker, proc)->state != COPY_RUNNING ||
		    move_copy(worker, proc)->program.generation != d->fellows.generation[proc])
			return move_outcome(PLAN_FREEZE_REFUSED, EDVSBADPID);
	MOVE_EACH (proc, &d->fellows) {
		move_copy(worker, proc)->state = COPY_FROZEN;
		daemon_hold(worker->w, worker->node, proc);
		world_log(worker->w, "endpoint %d frozen at %d", proc, worker->node);
	}
	return move_outcome(PLAN_FROZEN, 0);
}

static struct plan_event send_image(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct world *w = worker->w;
	struct departure *d = move_departure(w, worker->node, worker->proc);
	struct image *image;

	(void)effect;
	if (!conn_works(w, d->conn, SIDE_SOURCE) || world_chance(w, 3))
		return move_outcome(PLAN_SEND_FAILED, EDVSIO);
	if (!worker->chunks)
		worker->chunks = world_random(w, 0, 9) ? 1 : CHUNKS;
	worker_got_on(w, worker);
	worker_got_on(w, &move_arrival(w, d->target, worker->proc)->worker);
	if (--worker->chunks) {
		worker_put(worker, CHUNK_US);
		return move_nothing();
	}
	image = calloc(PROCS_MAX, sizeof(*image));
	if (!image)
		abort();
	MOVE_EACH (proc, &d->fellows) {
		image[proc].program = move_copy(worker, proc)->program;
		image[proc].move = worker->driver.source.move;
		daemon_export(w, worker->node, proc, &image[proc]);
	}
	conn_say(w, d->conn, SIDE_TARGET, PLAN_LOAD_DONE, 0, image, 20000);
	return move_outcome(PLAN_SENT, 0);
}

static struct plan_event killed(struct move_worker *worker)
{
	const struct departure *d = move_departure(worker->w, worker->node, worker->proc);
	int proc = move_next(&d->fellows, (int)world_random(worker->w, 0, PROCS_MAX - 1));

	assert(worker->driver.running);
	if (proc == PROCS_MAX)
		proc = worker->proc;
	if (move_copy(worker, proc)->state == COPY_FROZEN)
		move_copy(worker, proc)->state = COPY_DEAD;
	worker->w->report->fellows_killed += proc != worker->proc;
	return move_outcome(proc == worker->proc ? PLAN_PROCESS_DIED : PLAN_TARGET_FAILED,
			    EDVSSRCDIED);
}

static struct plan_event await_loaded(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct plan_event heard;

	(void)effect;
	if (!worker->heard.kind && !driver_told(&worker->driver)) {
		worker_sleep(worker);
		return move_nothing();
	}
	/* One killed while it stood still. */
	if (!worker->w->calm && world_chance(worker->w, 2))
		return killed(worker);
	heard = worker_take_heard(worker);
	if (heard.kind == PLAN_TARGET_LOADED)
		return heard;
	return move_outcome(PLAN_TARGET_FAILED, heard.code ? heard.code : EDVSNOTCONN);
}

void move_source_run_on(struct move_worker *worker)
{
	const struct departure *d = move_departure(worker->w, worker->node, worker->proc);

	assert(worker->driver.side->is_source);
	MOVE_EACH (proc, &d->fellows) {
		struct copy *copy = move_copy(worker, proc);

		assert(copy->state != COPY_HELD);
		if (copy->state != COPY_FROZEN ||
		    (world_mutated(worker->w, SIM_THAW_ONE) && proc != worker->proc))
			continue;
		copy->state = COPY_RUNNING;
		daemon_unhold(worker->w, worker->node, proc);
		daemon_offer(worker->w, worker->node, proc);
		world_log(worker->w, "endpoint %d thawed at %d", proc, worker->node);
		process_run(worker->w, worker->node, proc);
	}
}

static struct plan_event thaw(void *ctx, const struct plan_effect *effect)
{
	(void)effect;
	move_source_run_on(ctx);
	return move_nothing();
}

static struct plan_event kill_source(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	struct departure *d = move_departure(worker->w, worker->node, worker->proc);

	(void)effect;
	MOVE_EACH (proc, &d->fellows)
		if (move_copy(worker, proc)->program.generation == d->fellows.generation[proc])
			move_copy(worker, proc)->state = COPY_NONE;
	return move_nothing();
}

/* Before any later command lets another process come here. */
static struct plan_event release(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	const struct departure *d = move_departure(worker->w, worker->node, worker->proc);

	(void)effect;
	MOVE_EACH (proc, &d->fellows)
		daemon_release(worker->w, worker->node, proc);
	return move_nothing();
}

static struct plan_event source_close(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;

	(void)effect;
	conn_close(worker->w, move_departure(worker->w, worker->node, worker->proc)->conn,
		   SIDE_SOURCE);
	return move_nothing();
}

static struct plan_event report(void *ctx, const struct plan_effect *effect)
{
	struct move_worker *worker = ctx;
	const struct departure *d = move_departure(worker->w, worker->node, worker->proc);
	struct sim_report *sum = worker->w->report;

	assert(effect->kind == PLAN_DO_REPORT);
	assert(effect->result != PLAN_RESULT_NONE);
	sum->committed += effect->result == PLAN_COMMITTED;
	sum->together +=
		effect->result == PLAN_COMMITTED && (d->fellows.procs & (d->fellows.procs - 1));
	sum->rolled_back += effect->result == PLAN_ROLLED_BACK;
	sum->refused += effect->result == PLAN_REFUSED;
	sum->possible += effect->result == PLAN_POSSIBLE;
	sum->lost += effect->result == PLAN_LOST;
	sum->cancelled += effect->code == EDVSINTR;
	sum->overdue_source |= 1u << worker->driver.source.overdue;
	return move_nothing();
}

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

const struct driver_side move_source_side = {
	.is_source = true,
	.row = source_rows,
	.rows = sizeof(source_rows) / sizeof(source_rows[0]),
	.told = EVENT(PLAN_REQUESTED) | EVENT(PLAN_START_APPLIED) | EVENT(PLAN_COMMIT_APPLIED) |
		EVENT(PLAN_ROLLED_BACK_APPLIED) | EVENT(PLAN_ENDPOINT_DEAD) |
		EVENT(PLAN_PROCESS_DIED) | EVENT(PLAN_TARGET_NODE_LEFT) | EVENT(PLAN_CANCELLED),
	.interrupt = worker_interrupt,
};
