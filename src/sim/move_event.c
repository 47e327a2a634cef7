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

void move_propose_died(struct move_worker *worker, uint32_t generation)
{
	order_propose(worker->w, worker->node,
		      (struct command){ .kind = COMMAND_UNBIND,
					.p_nr = SLOT_BASE + worker->proc,
					.generation = generation,
					.flags = COMMAND_FLAG_DIED });
}
