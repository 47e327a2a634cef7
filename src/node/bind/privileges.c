/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "dvk.h"
#include "node/ask/forward.h"
#include "node/ask/request.h"
#include "node/bind/binding.h"
#include "node/calls.h"
#include "node/state/order.h"
#include "node/task/caller.h"
#include "node/task/rights.h"
#include "node/task/task.h"

/* dvk_getpriv and dvk_setpriv: on the node where the endpoint is. */

static void set(struct request *request, priv_usr_t *priv, const priv_usr_t *wanted)
{
	struct bindings *bindings = binding_part(request);
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	const struct directory_dc *dc = &bindings->order->directory.dc[dcid];
	struct binding *binding = binding_find(bindings, dcid, p_nr);

	/* NONE is what dvk_getpriv gives until another one is set. */
	if (wanted->priv_warn != NONE &&
	    (wanted->priv_warn < -dc->nr_tasks || wanted->priv_warn >= dc->nr_sysprocs)) {
		request_fail(request, EDVSBADPROC, "priv_warn %d is no slot of DC %d",
			     wanted->priv_warn, dcid);
		return;
	}
	if (wanted->priv_level < USER_PRIV || wanted->priv_level > PROXY_PRIV) {
		request_fail(request, EDVSBADVALUE, "privilege level %d is not one of 0 to %d",
			     wanted->priv_level, PROXY_PRIV);
		return;
	}
	rights_note(&bindings->tasks->rights, dcid, p_nr);
	priv->priv_warn = wanted->priv_warn;
	priv->priv_level = wanted->priv_level;
	priv->priv_ipc_to = wanted->priv_ipc_to;
	priv->priv_dvk_allowed = wanted->priv_dvk_allowed;
	if (binding) {
		rights_fill(&bindings->tasks->rights, dcid, p_nr, binding->status->page);
		rights_show(&bindings->tasks->rights, dcid, p_nr);
	}
	request_end(request, 0, NULL, 0, NULL, 0);
}

void handle_priv(struct request *request)
{
	struct bindings *bindings = binding_part(request);
	int dcid = request->head.dcid, p_nr = request->head.endpoint;
	const struct directory_endpoint *ep = order_endpoint(bindings->order, dcid, p_nr);
	priv_usr_t *priv, wanted;

	if (caller_check_dc(request, dcid, handle_priv) < 0 ||
	    caller_check_slot(request, dcid, p_nr, EDVSBADPROC) < 0)
		return;
	if (!ep->bound && caller_catch_up(request, handle_priv))
		return;
	if (!ep->bound) {
		request_fail(request, EDVSDSTDIED, "endpoint %d is not bound",
			     request->head.endpoint);
		return;
	}
	if (ep->node != bindings->order->self) {
		if (request->from < 0)
			forward_start(request, ep->node);
		else
			request_fail(request, EDVSMIGRATE, "endpoint %d has just moved to node %d",
				     request->head.endpoint, ep->node);
		return;
	}
	priv = &bindings->tasks->rights.of[dcid][shm_index(p_nr)];
	if (request->head.cmd == 0) {
		request_end(request, 0, priv, sizeof(*priv), NULL, 0);
		return;
	}
	if (request->head.payload_bytes != sizeof(wanted)) {
		request_fail(request, EDVSBADREQUEST, "no privileges were given");
		return;
	}
	memcpy(&wanted, request->payload, sizeof(wanted));
	set(request, priv, &wanted);
}
