/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/result.h"
#include "dvk.h"
#include "node/calls.h"
#include "node/state/life.h"
#include "node/task/caller.h"
#include "node/state/order.h"
#include "node/bind/binding.h"
#include "node/task/following.h"
#include "node/task/task.h"
#include "node/ask/forward.h"
#include "node/ask/request.h"
#include "os/pid.h"
#include "os/signals.h"

/*
 * dvs kill and dvs stop: a signal for the process behind an endpoint, from any node. The daemon sends it by the
 * descriptor that it holds, so the signal never reaches a later process with the same number. While the process is on
 * its way, the call is refused: a signal for the copy that stays behind would be lost with that copy.
 */

static bool life_is_over(const struct request *request, const struct directory_endpoint *ep)
{
	uint64_t life = request->head.addr[0];

	return !ep || !ep->bound || (life && life != 1 + (uint64_t)ep->generation);
}

static void send_row(struct request *request, const struct binding *binding)
{
	const struct directory_endpoint *ep =
		order_endpoint(request->requests->order, binding->dcid, binding->p_nr);
	struct ctl_signal_row row = { .dcid = binding->dcid,
				      .endpoint = binding->p_nr,
				      .node = request->requests->order->self,
				      .lpid = binding->task->lpid,
				      .generation = binding->generation };

	memcpy(row.name, ep->name, sizeof(row.name));
	request_row(request, &row, sizeof(row));
}

/* Why it ends, if it ends now. */
static void note(struct binding *binding, int signo, bool stop)
{
	if (stop)
		binding->task->end_reason = CTL_ENDED_STOP;
	else
		binding->task->signalled = signo;
}

/* A process that is to end and is stopped goes on, so that it can do so. */
static int send_signal(const struct request *request, struct binding *binding)
{
	bool until_gone = request->head.flags & CTL_FLAG_UNTIL_GONE;
	int signo = request->head.cmd, r = 0;

	if (signo && !binding->task->ended)
		r = os_pidfd_signal(binding->task->pidfd, signo);
	if (r == 0 && signo && !binding->task->ended)
		note(binding, signo, until_gone);
	if (r == 0 && signo == OS_SIGTERM && until_gone)
		os_pidfd_signal(binding->task->pidfd, OS_SIGCONT);
	return r;
}

static void signal_here(struct request *request, const struct directory_endpoint *ep)
{
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	struct binding *binding = binding_find(binding_part(request), dcid, p_nr);
	bool until_gone = request->head.flags & CTL_FLAG_UNTIL_GONE;
	int r;

	if (ep->moving || (binding && binding->state == BINDING_LEAVING)) {
		request_fail(request, EDVSMIGRATE,
			     "endpoint %d of DC %d is being moved: ask again when that is over",
			     p_nr, dcid);
		return;
	}
	if (!binding || (binding->task->ended && !until_gone)) {
		request_fail(request, EDVSNOTBIND,
			     binding ? "the process behind endpoint %d of DC %d has ended already"
				     : "no process is attached to endpoint %d of DC %d yet",
			     p_nr, dcid);
		return;
	}
	r = send_signal(request, binding);
	if (r < 0 && r != -ESRCH) {
		request_fail_errno(request, r,
				   "the signal could not be sent to endpoint %d of DC %d: %s", p_nr,
				   dcid, strerror(-r));
		return;
	}
	send_row(request, binding);
	if (until_gone && binding->warning)
		request_end(request, task_wait_status(binding->task), NULL, 0, NULL, 0);
	else if (until_gone)
		following_await_end(binding->task, request);
	else
		request_end(request, 0, NULL, 0, NULL, 0);
}

void handle_signal(struct request *request)
{
	struct bindings *bindings = binding_part(request);
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	const struct directory_endpoint *ep = order_endpoint(bindings->order, dcid, p_nr);

	if (caller_check_dc(request, dcid, handle_signal) < 0)
		return;
	if (request->head.cmd < 0 || request->head.cmd > OS_SIGNAL_LAST) {
		request_fail(request, EDVSINVAL, "there is no signal %d", request->head.cmd);
		return;
	}
	if (ep && life_is_over(request, ep) && caller_catch_up(request, handle_signal))
		return;
	if (life_is_over(request, ep)) {
		request_fail(request, EDVSNOTBIND, "endpoint %d of DC %d is not bound (dvs ps %d)",
			     p_nr, dcid, dcid);
		return;
	}
	if (ep->node != bindings->order->self)
		forward_start(request, ep->node);
	else
		signal_here(request, ep);
}
