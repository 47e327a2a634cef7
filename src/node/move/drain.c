/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dvs drain: empties this node. One process after the other is offered to the nodes of its DC that are up, from the
 * one after the last that took something, until one takes it or all have refused; the row then says what the last one
 * said. Each offer is a request of our own whose asker is the drain. Meanwhile this node starts no command and takes no
 * process from another one: so a drain ends, whatever load there is. Those that were on their way here before it, or
 * come back, are offered as well: at the end the drain waits a while for them, and counts the rest.
 *
 *	next process -> offer to a target --committed--> row
 *	     ^                ^    \--refused--> the next target, or a row
 *	     |                \------------------------/       |
 *	     \-------------------------------------------------/
 *
 * A dry run asks the same nodes and moves nothing.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "dvk.h"
#include "node/move/target.h"
#include "node/move/source.h"
#include "node/calls.h"
#include "node/move/move.h"
#include "node/state/order.h"
#include "node/bind/binding.h"
#include "node/task/task.h"
#include "node/ask/forward.h"
#include "node/ask/request.h"
#include "os/clock.h"
#include "os/loop.h"

#define ON_WAY_WAIT_MS 5000  /* processes on their way are waited for, as a plan waits for a step */
#define ON_WAY_LOOK_US 20000 /* between two looks at it */
#define OVER_LOOK_US   1000  /* until the worker of an offer that was refused has let go */

struct drain {
	struct moves *moves;
	struct request *parent;
	struct os_source *timer;
	uint64_t number;     /* of this drain on this node */
	int64_t deadline_ns; /* of the wait for processes on their way; 0: not waiting */
	int failed, moved;
	int last_target;
	bool cancelled;
	/* The process at hand; dcid -1: none. */
	int dcid, p_nr;
	uint32_t generation;
	uint32_t asked;	 /* nodes */
	uint32_t silent; /* nodes that could not be reached, for one process or another */
	struct ctl_move refused;
};

static bool is_dry(const struct request *request)
{
	return request->head.flags & CTL_FLAG_DRY_RUN;
}

static bool has_departure(const struct drain *drain)
{
	return drain->dcid >= 0 && source_find(drain->moves, drain->dcid, drain->p_nr);
}

/* A node that could not be reached is asked again when no other is left. */
static int target_but(const struct drain *drain, uint32_t but)
{
	const struct order *order = drain->moves->order;

	for (int i = 1; i <= NR_NODES; i++) {
		int target = (drain->last_target + i) % NR_NODES;
		uint32_t bit = 1u << target;

		if (target != order->self && order->directory.node[target].up &&
		    order->directory.dc[drain->dcid].nodes & bit && !(but & bit))
			return target;
	}
	return -1;
}

static int next_target(const struct drain *drain)
{
	int target = target_but(drain, drain->asked | drain->silent);

	return target < 0 ? target_but(drain, drain->asked) : target;
}

static bool is_endpoint(const struct binding *binding)
{
	return binding->role == BINDING_PRIMARY && !binding->task->ended;
}

/*
 * One that this drain has not had in hand yet; one that left and came back is another one. A process that has not
 * executed its command yet has descriptors of its init open, and is waited for.
 */
static struct binding *next_process(const struct drain *drain)
{
	struct binding *p = drain->moves->bindings->all;

	while (p && (!is_endpoint(p) || p->state != BINDING_BOUND || p->task->starting ||
		     p->drain == drain->number))
		p = p->next;
	return p;
}

static struct binding *process_at_hand(const struct drain *drain)
{
	struct binding *p = binding_find(drain->moves->bindings, drain->dcid, drain->p_nr);

	return p && p->generation == drain->generation && !p->task->ended ? p : NULL;
}

/* Leaving by another command, coming here, or started and not bound yet. */
static int count_on_way(const struct moves *moves)
{
	int count = target_count(moves);

	for (const struct binding *p = moves->bindings->all; p; p = p->next)
		count += is_endpoint(p) && p->state == BINDING_LEAVING;
	for (const struct task *task = moves->tasks->all; task; task = task->next)
		count += task->starting && !task->loading && !task->ended;
	return count;
}

static void take_in_hand(struct drain *drain, struct binding *p)
{
	const struct order *order = drain->moves->order;

	assert(p->state == BINDING_BOUND);
	assert(drain->dcid < 0);
	p->drain = drain->number;
	drain->deadline_ns = 0;
	drain->dcid = p->dcid;
	drain->p_nr = p->p_nr;
	drain->generation = p->generation;
	drain->asked = 0;
	drain->refused = (struct ctl_move){ .dcid = p->dcid,
					    .endpoint = p->p_nr,
					    .from = order->self,
					    .to = -1,
					    .result = CTL_MOVE_REFUSED,
					    .vpid = p->task->vpid,
					    .error = EDVSBADNODEID,
					    .dry_run = is_dry(drain->parent) };
	snprintf(drain->refused.name, sizeof(drain->refused.name), "%s",
		 order_endpoint(order, p->dcid, p->p_nr)->name);
	snprintf(drain->refused.reason, sizeof(drain->refused.reason),
		 "no other node of DC %d is up that could take it; start one, or add one to the DC",
		 p->dcid);
}

/* Those that went, or stayed, with the one at hand are not offered again. */
static void put_down_fellows(struct drain *drain, const struct ctl_move *report)
{
	for (uint32_t i = 0; i < report->fellows && i < COMMAND_FELLOWS_MAX; i++) {
		struct binding *p =
			binding_find(drain->moves->bindings, report->dcid, report->fellow[i]);

		if (p)
			p->drain = drain->number;
	}
}

static void put_down(struct drain *drain, const struct ctl_move *report)
{
	int count = 1 + (int)report->fellows;

	assert(drain->dcid >= 0);
	request_row(drain->parent, report, sizeof(*report));
	put_down_fellows(drain, report);
	if (report->result == CTL_MOVE_COMMITTED)
		drain->moved += count;
	else
		drain->failed += count;
	drain->dcid = -1;
}

static void on_report(struct request *child, const struct ctl_move *report)
{
	struct drain *drain = child->keeper;

	if (report->result == CTL_MOVE_COMMITTED)
		put_down(drain, report);
	else
		drain->refused = *report;
	if (report->result == CTL_MOVE_REFUSED && report->error == EDVSNOTCONN)
		drain->silent |= 1u << report->to;
}

/* With a report or without; its worker may have a little to do yet, and the next step may be about the same process. */
static void on_over(struct request *child)
{
	struct drain *drain = child->keeper;

	os_timer_set(drain->timer, 0);
}

static void offer(struct drain *drain, const struct binding *p, int target)
{
	struct request *child = request_new(drain->moves->requests);

	assert(!(drain->asked >> target & 1));
	drain->asked |= 1u << target;
	drain->last_target = target;
	/* Until a report says better. */
	drain->refused.error = EDVSALLOCMEM;
	snprintf(drain->refused.reason, sizeof(drain->refused.reason), "no memory");
	if (!child) {
		put_down(drain, &drain->refused);
		os_timer_set(drain->timer, 0);
		return;
	}
	child->head = drain->parent->head;
	child->head.payload_bytes = 0;
	child->head.dcid = p->dcid;
	child->head.endpoint = p->p_nr;
	child->head.nodeid = target;
	child->keeper = drain;
	child->moved = on_report;
	child->freed = on_over;
	source_start(drain->moves, child);
}

static void finish(struct drain *drain, int on_way)
{
	struct request *parent = drain->parent;
	const char *moved = is_dry(parent) ? "could move" : "moved";

	assert(drain->dcid < 0);
	assert(drain->moves->draining > 0);
	os_source_free(drain->timer);
	drain->moves->draining--;
	if (!is_dry(parent)) {
		assert(drain->moves->bindings->emptied > 0);
		drain->moves->bindings->emptied--;
	}
	if (drain->cancelled)
		request_fail(parent, EDVSINTR, "%d %s, then it was asked to stop", drain->moved,
			     moved);
	else if (on_way)
		request_fail(
			parent, EDVSMIGRATE,
			"%d %s, %d stayed for the reasons given, %d are on their way from or to this "
			"node or about to begin; ask again when they have arrived (dvs ps)",
			drain->moved, moved, drain->failed, on_way);
	else if (drain->failed)
		request_fail(
			parent, EDVSPROCSTS,
			"%d %s, %d stayed for the reasons given; end those or move them by hand",
			drain->moved, moved, drain->failed);
	else
		request_end(parent, drain->moved, NULL, 0, NULL, 0);
	free(drain);
}

/* Nothing to offer now. */
static void wait_or_finish(struct drain *drain)
{
	int on_way = count_on_way(drain->moves);

	if (!drain->deadline_ns)
		drain->deadline_ns = os_deadline_ns(ON_WAY_WAIT_MS);
	if (on_way && !drain->cancelled && !is_dry(drain->parent) &&
	    os_now_ns() < drain->deadline_ns)
		os_timer_set(drain->timer, ON_WAY_LOOK_US);
	else
		finish(drain, on_way);
}

static void on_step(void *ctx)
{
	struct drain *drain = ctx;
	struct binding *p;

	if (has_departure(drain)) {
		os_timer_set(drain->timer, OVER_LOOK_US);
		return;
	}
	if (drain->cancelled || (drain->dcid >= 0 && !process_at_hand(drain)))
		drain->dcid = -1; /* it ended: nobody stays */
	if (drain->dcid >= 0 && next_target(drain) < 0)
		put_down(drain, &drain->refused);
	p = drain->dcid < 0 && !drain->cancelled ? next_process(drain) : NULL;
	if (p)
		take_in_hand(drain, p);
	if (drain->dcid < 0)
		wait_or_finish(drain);
	else if (next_target(drain) < 0)
		os_timer_set(drain->timer, 0);
	else
		offer(drain, process_at_hand(drain), next_target(drain));
}

static void on_cancelled(struct request *request)
{
	struct drain *drain = request->keeper;

	drain->cancelled = true;
}

void handle_drain(struct request *request)
{
	struct moves *moves = request->requests->moves;
	int emptied = request->head.nodeid;
	struct drain *drain;

	if (emptied < 0 || emptied >= NR_NODES || !moves->order->directory.node[emptied].up) {
		request_fail(request, EDVSBADNODEID, "node %d is not up (dvs nodes lists them)",
			     emptied);
		return;
	}
	if (emptied != moves->order->self) {
		forward_start(request, emptied);
		return;
	}
	if (!move_method_known(request))
		return;
	drain = calloc(1, sizeof(*drain));
	if (!drain || os_source_timer(moves->tasks->loop, 0, on_step, drain, &drain->timer) < 0) {
		free(drain);
		request_fail(request, EDVSALLOCMEM, "no memory");
		return;
	}
	drain->moves = moves;
	drain->parent = request;
	drain->number = ++moves->drains;
	moves->draining++;
	if (!is_dry(request))
		moves->bindings->emptied++;
	drain->last_target = moves->order->self;
	drain->dcid = -1;
	request->keeper = drain;
	request->cancelled = on_cancelled;
}
