/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The made-up worker: it does one thing after another, each taking its time; a step that waits for the other
 * side, or that hangs for no reason at all, ends when it is told.
 */

#include "sim/move_part.h"

#define TELL_US 500 /* at most until a step that is told has ended */

const char *worker_side_name(const struct move_worker *worker)
{
	return worker->driver.side->is_source ? "source" : "target";
}

void worker_put(struct move_worker *worker, uint64_t us_max)
{
	struct world *w = worker->w;
	struct sim_event event = world_event(w, EVENT_WORK, worker->node);

	assert(worker->active);
	event.slot = worker->proc;
	event.b = worker->driver.side->is_source ? SIDE_SOURCE : SIDE_TARGET;
	worker->asleep = worker->hangs = false;
	worker->unfinished = true;
	world_put(w, event, world_random(w, 1, us_max));
}

void worker_go_on(struct move_worker *worker)
{
	const struct driver_row *row = driver_take(&worker->driver, &worker->effect);

	assert(worker->active);
	if (!row)
		return;
	worker->chunks = 0;
	/* Only what the plan can do without may take for ever. */
	worker->hangs = row->where == DRIVER_STEP && !worker->w->calm &&
			world_random(worker->w, 0, 299) == 0;
	worker->asleep = worker->hangs;
	if (!worker->hangs)
		worker_put(worker, row->where == DRIVER_STEP ? 3000 : 300);
}

void worker_sleep(struct move_worker *worker)
{
	assert(worker->driver.running);
	assert(!worker->asleep);
	worker->asleep = true;
	worker->unfinished = true;
}

void worker_interrupt(void *ctx)
{
	struct move_worker *worker = ctx;

	if (worker->asleep)
		worker_put(worker, TELL_US);
}

struct plan_event worker_take_heard(struct move_worker *worker)
{
	struct plan_event heard = worker->heard;

	worker->heard = move_nothing();
	return heard;
}

void worker_got_on(struct world *w, struct move_worker *worker)
{
	assert(worker->moved_us <= w->now_us);
	worker->moved++;
	worker->moved_us = w->now_us;
}
