/* SPDX-License-Identifier: Apache-2.0 */
#include "node/task/caller.h"

#include <assert.h>

#include "dvk.h"
#include "node/task/named.h"
#include "node/ask/request.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/lock.h"

struct task *caller_task(const struct request *request)
{
	assert(os_lock_protects());
	if (request->fd < 0)
		return NULL;
	return task_find_or_leader(request->requests->tasks, request->pid, named_caller(request));
}

static void caught_up(struct order *order, void *ctx, const struct directory_result *result)
{
	struct request *request = ctx;

	assert(request->again);
	(void)order;
	(void)result; /* without quorum: the directory here has to do */
	if (request->pid > 0 && !request_caller_is_there(request))
		request_fail_gone(request);
	else
		request->again(request);
}

/*
 * Root, a task that is bound, and a user who may change a DC that runs: every node follows their calls. Calls of other
 * askers are judged by the directory of this node.
 */
static bool may_use_order(struct request *request)
{
	int dcid = request->head.dcid;
	const struct task *task = caller_task(request);
	const struct directory_dc *dc;

	if (request->uid == 0 || (task && task->bindings))
		return true;
	dc = dcid < 0 || dcid >= SHM_DCS ? NULL : &request->requests->order->directory.dc[dcid];
	return dc && dc->running && right_may(&dc->owner, &request->user, RIGHT_CHANGE);
}

bool caller_catch_up(struct request *request, void (*handler)(struct request *))
{
	struct command cmd = { .kind = COMMAND_SYNC };

	assert(os_lock_protects());
	if (request->again || !may_use_order(request))
		return false;
	request->again = handler;
	order_propose(request->requests->order, &cmd, &right_root, caught_up, request);
	return true;
}

static bool spans(const struct directory_dc *dc, int nodeid)
{
	return nodeid >= 0 && nodeid < NR_NODES && (dc->nodes >> nodeid & 1);
}

bool caller_knows_nodes(const struct request *request, int dcid, int nodeid)
{
	const struct order *order = request->requests->order;
	const struct directory_dc *dc = &order->directory.dc[dcid];

	assert(os_lock_protects());
	assert(dcid >= 0);
	assert(dcid < SHM_DCS);
	return dc->running && spans(dc, order->self) && spans(dc, nodeid);
}

int caller_check_dc(struct request *request, int dcid, void (*handler)(struct request *))
{
	assert(os_lock_protects());
	if (dcid < 0 || dcid >= SHM_DCS) {
		request_fail(request, EDVSBADDCID, "there is no DC %d: DC numbers are 0 to %d",
			     dcid, SHM_DCS - 1);
		return -1;
	}
	if (!request->requests->order->directory.dc[dcid].running) {
		if (handler && caller_catch_up(request, handler))
			return -1;
		request_fail(request, EDVSDCNOTRUN,
			     "DC %d is not running; create it with: dvs dc create %d", dcid, dcid);
		return -1;
	}
	return 0;
}

int caller_check_slot(struct request *request, int dcid, int p_nr, int error)
{
	const struct directory_dc *dc = &request->requests->order->directory.dc[dcid];

	assert(os_lock_protects());
	if (directory_slot_valid(dc, p_nr))
		return 0;
	/* A number that would be the slot's in a later life: such numbers are given to nobody. */
	if (directory_slot_valid(dc, _ENDPOINT_P(p_nr)))
		error = EDVSENDPOINT;
	request_fail_number(request, error, "DC %d has slots %d to %d, not %d", dcid, -dc->nr_tasks,
			    dc->nr_procs - 1, p_nr);
	return -1;
}
