/* SPDX-License-Identifier: Apache-2.0 */
#include "dvk.h"
#include "node/ask/gather.h"
#include "node/ask/forward.h"
#include "node/ask/request.h"
#include "node/bind/binding.h"
#include "node/calls.h"
#include "node/state/order.h"
#include "node/task/caller.h"
#include "node/task/ended.h"
#include "node/task/following.h"
#include "node/task/task.h"

/* The output of the process behind an endpoint, or of the last one that had it. */

static void logs_gathered(struct request *request)
{
	if (request->data_sent || request->gathered)
		request_end(request, 0, NULL, 0, NULL, 0);
	else
		request_fail(request, EDVSNOTBIND, "endpoint %d of DC %d is not bound",
			     request->head.endpoint, request->head.dcid);
}

/* The endpoint is free: the output that its last process left, here or on the node that had it last. */
static void logs_of_ended(struct request *request, int dcid, int p_nr)
{
	if (ended_send(request, dcid, p_nr)) {
		request_end(request, 0, NULL, 0, NULL, 0);
		return;
	}
	if (request->head.cmd == 1 || request->from >= 0)
		request_fail(request, EDVSNOENT, "nothing is kept here");
	else
		gather_start(request, CTL_LOGS, logs_gathered);
}

/* From byte head.bytes of the process's output since it began, on whichever node it was then. */
void handle_logs(struct request *request)
{
	struct bindings *bindings = binding_part(request);
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	const struct directory_endpoint *ep = order_endpoint(bindings->order, dcid, p_nr);
	struct binding *binding = binding_find(bindings, dcid, p_nr);
	uint64_t from = (uint64_t)request->head.bytes;

	if (caller_check_dc(request, dcid, handle_logs) < 0)
		return; /* the output of a removed DC is gone with it */
	if (ep && !ep->bound && request->from < 0 && caller_catch_up(request, handle_logs))
		return;
	if (!ep || !ep->bound) {
		logs_of_ended(request, dcid, p_nr);
		return;
	}
	if (ep->node != bindings->order->self) {
		forward_start(request, ep->node);
		return;
	}
	if (!binding || !binding->task->output) {
		request_fail(request, EDVSNOENT,
			     "endpoint %d was not started by dvs run: its output is not kept",
			     request->head.endpoint);
		return;
	}
	following_send(binding->task, request, from);
	if (request->head.flags & CTL_FLAG_FOLLOW)
		following_add(binding->task, request);
	else
		request_end(request, 0, NULL, 0, NULL, 0);
}
