/* SPDX-License-Identifier: Apache-2.0 */
/* Events reach the drivers of moves. */

#include "sim/move_part.h"

static void tell(struct move_worker *worker, const struct plan_event *event)
{
	if (!worker->active)
		return;
	world_log(worker->w, "%s %d endpoint %d: %s %d in %s", worker_side_name(worker),
		  worker->node, worker->proc, plan_event_name(event->kind), event->code,
		  driver_state_name(&worker->driver));
	driver_event(&worker->driver, event);
	worker_go_on(worker);
}

void move_source_event(struct world *w, int node, int proc, enum plan_event_kind kind, int code,
		       uint32_t move)
{
	struct departure *d = move_departure(w, node, proc);
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

	tell(&move_arrival(w, node, proc)->worker, &event);
}

static bool is_of(const struct fellows *fellows, const struct directory_effect *effect)
{
	int proc = effect->p_nr - SLOT_BASE;

	return fellows->procs >> proc & 1 && fellows->generation[proc] == effect->generation;
}

void move_source_hear(struct world *w, int node, const struct directory_effect *effect)
{
	for (int lead = 0; lead < w->procs; lead++) {
		bool is_fellow = effect->p_nr != SLOT_BASE + lead;
		enum plan_event_kind kind = duty_tells(effect->kind, is_fellow);

		if (kind && is_of(&move_departure(w, node, lead)->fellows, effect))
			move_source_event(w, node, lead, kind, 0, effect->move);
	}
}

void move_target_hear(struct world *w, int node, const struct directory_effect *effect)
{
	for (int lead = 0; lead < w->procs; lead++) {
		bool is_fellow = effect->p_nr != SLOT_BASE + lead;
		enum plan_event_kind kind = duty_tells(effect->kind, is_fellow);

		if (kind && is_of(&move_arrival(w, node, lead)->fellows, effect))
			move_target_event(w, node, lead, kind, 0, effect->move);
	}
}

struct departure *move_of(struct world *w, int node, int proc)
{
	for (int lead = 0; lead < w->procs; lead++) {
		struct departure *d = move_departure(w, node, lead);

		if (d->worker.active && !driver_is_ended(&d->worker.driver) &&
		    d->fellows.procs >> proc & 1)
			return d;
	}
	return NULL;
}

bool move_on_process_died(struct world *w, int node, int proc)
{
	struct departure *d = move_of(w, node, proc);

	if (!d)
		return false;
	move_source_event(w, node, d->worker.proc, duty_tells_of_end(d->worker.proc != proc),
			  d->worker.proc != proc ? EDVSSRCDIED : 0, 0);
	return true;
}

void move_propose_died(struct move_worker *worker, int proc, uint32_t generation)
{
	order_propose(worker->w, worker->node,
		      (struct command){ .kind = COMMAND_UNBIND,
					.p_nr = SLOT_BASE + proc,
					.generation = generation,
					.flags = COMMAND_FLAG_DIED });
}
