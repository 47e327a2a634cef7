/* SPDX-License-Identifier: Apache-2.0 */
#include "node/state/order.h"

#include <assert.h>
#include <stdlib.h>

#include "base/result.h"
#include "dvk.h"
#include "group/group.h"
#include "os/lock.h"

/*
 * A proposal lives from order_propose() until its command comes back in the order, found by the
 * request number that the command carries.
 */

struct proposal {
	struct proposal *next;
	uint64_t request;
	proposal_fn *done;
	void *ctx;
};

/* done may propose again. */
static void tell(struct order *order, struct proposal *proposal,
		 const struct directory_result *result)
{
	struct proposal told = *proposal;

	free(proposal);
	if (told.done)
		told.done(order, told.ctx, result);
}

void order_propose(struct order *order, const struct command *cmd, proposal_fn *done, void *ctx)
{
	struct command copy = *cmd;
	struct proposal *proposal = calloc(1, sizeof(*proposal));
	struct directory_result result = { .code = proposal ? EDVSNOCONN : EDVSNOMEM };

	assert(os_lock_protects());
	/* No group: this node is leaving, and the others end what it has. */
	if (!proposal || !order->quorum || !order->group) {
		free(proposal);
		if (done)
			done(order, ctx, &result);
		return;
	}
	*proposal = (struct proposal){ order->proposals, ++order->last_request, done, ctx };
	order->proposals = proposal;
	copy.version = COMMAND_VERSION;
	copy.origin = order->self;
	copy.request = proposal->request;
	if (group_send(order->group, &copy) < 0) {
		assert(order->proposals == proposal);
		order->proposals = proposal->next;
		tell(order, proposal, &result);
	}
}

bool order_is_lost(const struct order *order)
{
	return !order->quorum && !order->source;
}

const char *order_why(const struct order *order, int code)
{
	assert(code < 0);
	if (code == EDVSINPROGRESS)
		return "the group was lost before this was decided: look whether it is so";
	if (code != EDVSNOCONN)
		return result_text(code);
	return order_is_lost(order)
		       ? "this node has no group any more: either its sequencer has ended, and the shared "
			 "state stays as it is until the daemons are started anew (a lab: dvs lab down, "
			 "dvs lab up), or the group goes on without this node, and its daemon begins anew "
			 "by itself"
		       : "the cluster has no quorum just now; try again when it is back";
}

void order_decided(struct order *order, uint64_t request, const struct directory_result *result)
{
	assert(os_lock_protects());
	for (struct proposal **link = &order->proposals; *link; link = &(*link)->next) {
		struct proposal *proposal = *link;

		if (proposal->request != request)
			continue;
		*link = proposal->next;
		tell(order, proposal, result);
		return;
	}
}

size_t order_snapshot(const struct order *order, uint8_t *buf, size_t size)
{
	assert(os_lock_protects());
	return directory_encode(&order->directory, buf, size);
}

void order_quorum(struct order *order, bool have)
{
	struct directory_result result = { .code = EDVSINPROGRESS };

	assert(os_lock_protects());
	order->quorum = have;
	if (have)
		return;
	/* Undecided commands may still have been ordered: their proposers may not undo anything. */
	while (order->proposals) {
		struct proposal *proposal = order->proposals;

		order->proposals = proposal->next;
		tell(order, proposal, &result);
	}
}
