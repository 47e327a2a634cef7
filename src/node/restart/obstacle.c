/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/obstacle.h"

#include <assert.h>

#include "base/refusal.h"
#include "dvk.h"
#include "node/ask/reattach.h"
#include "node/ask/request.h"
#include "node/bind/binding.h"
#include "node/copy/copy.h"
#include "node/move/checkpoint.h"
#include "node/move/move.h"
#include "node/move/restoring.h"
#include "node/move/source.h"
#include "node/move/target.h"
#include "node/restart/handover.h"
#include "node/state/order.h"
#include "node/task/init.h"
#include "node/task/task.h"
#include "os/lock.h"

/* The things that the sentences name, or NULL. */
struct seen {
	const struct dc_init *init;
	int init_dcid;
	const struct binding *warning;
	const struct request *served, *asked;
};

static void look_at_inits(const struct tasks *tasks, struct seen *seen)
{
	for (int dcid = 0; dcid < SHM_DCS && !seen->init; dcid++) {
		if (!tasks->init[dcid] || !dc_init_is_asked(tasks->init[dcid]))
			continue;
		seen->init = tasks->init[dcid];
		seen->init_dcid = dcid;
	}
}

static struct seen look(const struct requests *requests, const struct request *asker)
{
	struct seen seen = { .init = NULL };
	uint64_t number;

	look_at_inits(requests->tasks, &seen);
	for (const struct binding *b = requests->tasks->bindings->all; b && !seen.warning;
	     b = b->next)
		if (b->warning)
			seen.warning = b;
	for (const struct request *r = requests->clients; r && !seen.served; r = r->next_client)
		if (!handover_kind_of(r, asker, &number))
			seen.served = r;
	for (const struct request *r = requests->forwarded; r && !seen.asked; r = r->next_forwarded)
		if (!reattach_without(r))
			seen.asked = r;
	return seen;
}

static bool is_moving(const struct moves *moves)
{
	return source_count(moves) || target_count(moves) || checkpoint_count(moves) ||
	       restoring_count(moves);
}

static void explain(enum quiet_obstacle obstacle, int self, const struct seen *seen,
		    struct refusal *why)
{
	switch (obstacle) {
	case QUIET_NONE:
		break;
	case QUIET_MOVE:
		refusal_set(
			why, EDVSMIGRATE,
			"a process is on its way from or to node %d: ask again when it has arrived "
			"(dvs ps)",
			self);
		break;
	case QUIET_PROPOSAL:
		refusal_set(why, EDVSRSCBUSY,
			    "a command of node %d is not decided yet: see whether the group's "
			    "sequencer answers",
			    self);
		break;
	case QUIET_EMPTYING:
		refusal_set(why, EDVSMIGRATE,
			    "node %d is being emptied (dvs drain): ask again when that is over",
			    self);
		break;
	case QUIET_COPY:
		refusal_set(why, EDVSRSCBUSY,
			    "a data copy is still under way between nodes: ask again later");
		break;
	case QUIET_INIT:
		refusal_set(why, EDVSRSCBUSY,
			    "process %d, the init of DC %d, has not answered yet: if it is "
			    "stopped, let it go on (kill -CONT %d), or ask again later",
			    dc_init_pid(seen->init), seen->init_dcid, dc_init_pid(seen->init));
		break;
	case QUIET_WARNING:
		refusal_set(why, EDVSRSCBUSY,
			    "the end of endpoint %d is still being told to the process that its "
			    "container names: ask again later",
			    seen->warning->p_nr);
		break;
	case QUIET_REQUEST:
		refusal_set(why, EDVSRSCBUSY,
			    "call %u of process %d is still being answered: ask again later",
			    seen->served->head.call, seen->served->pid);
		break;
	case QUIET_NODE:
		refusal_set(why, EDVSRSCBUSY,
			    "node %d has not answered yet what it was asked: see whether its link "
			    "is up (dvs nodes)",
			    seen->asked->to);
		break;
	}
}

enum quiet_obstacle obstacle_find(const struct requests *requests, const struct moves *moves,
				  const struct copies *copies, const struct request *asker,
				  struct refusal *why)
{
	const struct seen seen = look(requests, asker);
	const struct quiet_view view = { .is_moving = is_moving(moves),
					 .has_proposal = requests->order->proposals != NULL,
					 .is_emptied = moves->draining > 0,
					 .is_copying = copies->tasks != NULL,
					 .asks_init = seen.init != NULL,
					 .warns = seen.warning != NULL,
					 .serves = seen.served != NULL,
					 .asks_node = seen.asked != NULL };
	enum quiet_obstacle obstacle = quiet_find(&view);

	assert(os_lock_protects());
	explain(obstacle, requests->order->self, &seen, why);
	return obstacle;
}

enum quiet_obstacle obstacle_move(const struct requests *requests, const struct moves *moves,
				  struct refusal *why)
{
	enum quiet_obstacle obstacle = is_moving(moves) ? QUIET_MOVE : QUIET_NONE;

	assert(os_lock_protects());
	explain(obstacle, requests->order->self, NULL, why);
	return obstacle;
}
