/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>

#include "base/result.h"
#include "dvk.h"
#include "node/ask/request.h"
#include "node/bind/binding.h"
#include "node/calls.h"
#include "node/state/order.h"
#include "node/task/caller.h"
#include "node/task/rights.h"
#include "node/task/task.h"

/* Two calls that poke a task of this node: they change its status page, and its next look finds that. */

/*
 * The process behind dcid, endpoint if it runs here; else the request is failed, or comes again by its handler when
 * this node has heard what was ordered before. `self`: the error for a caller that names itself; 0: nothing wrong, and
 * a system process is wanted.
 */
static struct binding *local_target(struct request *request, int self,
				    void (*handler)(struct request *))
{
	struct bindings *bindings = binding_part(request);
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	const struct binding *caller = binding_of_caller(request);
	const struct directory_endpoint *ep;
	struct binding *binding;
	int error = 0;

	if (caller_check_dc(request, dcid, handler) < 0 ||
	    caller_check_slot(request, dcid, p_nr, EDVSRANGE) < 0)
		return NULL;
	ep = order_endpoint(bindings->order, dcid, p_nr);
	if (p_nr != HARDWARE && !ep->bound && caller_catch_up(request, handler))
		return NULL;
	binding = binding_find(bindings, dcid, p_nr);
	if (p_nr == HARDWARE)
		error = self ? EDVSDSTDIED : EDVSBADDEST;
	else if (self && binding && binding == caller)
		error = self;
	else if (!ep->bound)
		error = EDVSDSTDIED;
	else if (ep->moving)
		error = EDVSMIGRATE;
	else if (!self && !rights_is_sysproc(&bindings->tasks->rights, dcid, p_nr))
		error = EDVSPRIVILEGES;
	else if (ep->node != bindings->order->self || !binding)
		error = EDVSRMTPROC;
	if (!error)
		return binding;
	request_fail_number(request, error, "endpoint %d of DC %d: %s", request->head.endpoint,
			    dcid, result_text(error));
	return NULL;
}

void handle_wakeup(struct request *request)
{
	struct binding *binding = local_target(request, EDVSBADPROC, handle_wakeup);
	const struct status_page *page;
	bool waiting;

	if (!binding)
		return;
	page = binding->status->page;
	waiting = page->rts_flags & RECEIVING && page->getfrom == ANY;
	binding->status->page->latch = EDVSWOKENUP;
	binding_poke(binding);
	if (waiting)
		request_end(request, 0, NULL, 0, NULL, 0);
	else
		request_fail(request, EDVSPROCRUN,
			     "endpoint %d does not wait for anyone; its next receive will return",
			     request->head.endpoint);
}

/* A notification in the name of HARDWARE: latched in the status page, read by the next receive. */
void handle_notify(struct request *request)
{
	struct binding *binding = local_target(request, 0, handle_notify);

	if (!binding)
		return;
	if (atomic_exchange(&binding->status->page->hardware, 1)) {
		request_fail(request, EDVSOVERRUN, "a notification is pending already");
		return;
	}
	binding_poke(binding);
	request_end(request, 0, NULL, 0, NULL, 0);
}
