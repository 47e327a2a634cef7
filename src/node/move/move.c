/* SPDX-License-Identifier: Apache-2.0 */
#include "dvk.h"
#include "node/move/source.h"
#include "node/calls.h"
#include "node/move/move.h"
#include "node/task/caller.h"
#include "node/state/order.h"
#include "node/ask/forward.h"
#include "node/ask/request.h"

/* dvs migrate, up to the point where the owner's node takes over (source.c). */

/* As far as this node knows, which may be behind. */
static bool is_known(const struct directory *directory, int dcid, int target)
{
	return target >= 0 && target < NR_NODES && directory->node[target].up &&
	       (directory->dc[dcid].nodes >> target & 1);
}

static bool target_usable(struct request *request, int dcid, int target)
{
	const struct directory *directory = &request->requests->order->directory;

	if (target < 0 || target >= NR_NODES || !directory->node[target].up) {
		request_fail(request, EDVSBADNODEID, "node %d is not up (dvs nodes lists them)",
			     target);
		return false;
	}
	if (!(directory->dc[dcid].nodes >> target & 1)) {
		request_fail_outside(request, EDVSDCNODE, target, dcid);
		return false;
	}
	return true;
}

bool move_method_known(struct request *request)
{
	if (request->head.mode != CTL_MODE_STOP) {
		request_fail(request, EDVSNOSYS,
			     "this release moves processes with --mode stop only");
		return false;
	}
	if (request->head.engine != CTL_ENGINE_NATIVE) {
		request_fail(request, EDVSNOSYS,
			     "this release moves processes with --engine native only");
		return false;
	}
	return true;
}

void handle_move(struct request *request)
{
	const struct order *order = request->requests->order;
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	const struct directory_endpoint *ep = order_endpoint(order, dcid, p_nr);
	bool cancels = request->head.flags & CTL_FLAG_CANCEL;

	if (caller_check_dc(request, dcid, handle_move) < 0)
		return;
	if (ep &&
	    (!ep->bound ||
	     (!cancels && !is_known(&order->directory, dcid, request->head.nodeid))) &&
	    caller_catch_up(request, handle_move))
		return;
	if (!ep || !ep->bound) {
		request_fail(request, EDVSNOTBIND, "endpoint %d of DC %d is not bound (dvs ps %d)",
			     request->head.endpoint, dcid, dcid);
		return;
	}
	if (!cancels &&
	    (!target_usable(request, dcid, request->head.nodeid) || !move_method_known(request)))
		return;
	if (ep->node != order->self)
		forward_start(request, ep->node);
	else if (cancels)
		source_cancel(request->requests->moves, request);
	else
		source_start(request->requests->moves, request);
}
