/* SPDX-License-Identifier: Apache-2.0 */
#include "node/state/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "dvk.h"
#include "group/group.h"
#include "node/node.h"

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

void order_propose(struct node *node, const struct command *cmd, proposal_fn *done, void *ctx)
{
	struct command copy = *cmd;
	struct proposal *proposal = calloc(1, sizeof(*proposal));
	struct directory_result result = { .code = EDVSNOCONN };

	/* No group: this node is leaving, and the others end what it has. */
	if (!proposal || !node->order.quorum || !node->order.group) {
		result.code = proposal ? EDVSNOCONN : EDVSNOMEM;
		free(proposal);
		done(node, ctx, &result);
		return;
	}
	*proposal =
		(struct proposal){ node->order.proposals, ++node->order.last_request, done, ctx };
	node->order.proposals = proposal;
	copy.version = COMMAND_VERSION;
	copy.origin = node->options.id;
	copy.request = proposal->request;
	if (group_send(node->order.group, &copy) < 0) {
		node->order.proposals = proposal->next;
		free(proposal);
		done(node, ctx, &result);
	}
}

bool order_is_lost(const struct node *node)
{
	return !node->order.quorum && !node->order.source;
}

const char *order_why(const struct node *node, int code)
{
	if (code == EDVSINPROGRESS)
		return "the group was lost before this was decided: look whether it is so";
	if (code != EDVSNOCONN)
		return result_text(code);
	return order_is_lost(node)
		       ? "the group is lost, because its sequencer has ended: what is shared stays as "
			 "it is until the daemons are started anew (a lab: dvs lab down, dvs lab up)"
		       : "the cluster has no quorum just now; try again when it is back";
}

void order_decided(struct node *node, uint64_t request, const struct directory_result *result)
{
	for (struct proposal **link = &node->order.proposals; *link; link = &(*link)->next) {
		struct proposal *proposal = *link;

		if (proposal->request != request)
			continue;
		*link = proposal->next;
		proposal->done(node, proposal->ctx, result);
		free(proposal);
		return;
	}
}

size_t order_snapshot(void *ctx, uint8_t *buf, size_t size)
{
	struct node *node = ctx;

	return directory_encode(&node->order.directory, buf, size);
}

void order_quorum(void *ctx, bool have)
{
	struct node *node = ctx;
	struct directory_result result = { .code = EDVSINPROGRESS };

	node->order.quorum = have;
	if (have)
		return;
	/* Undecided commands may still have been ordered: their proposers may not undo anything. */
	while (node->order.proposals) {
		struct proposal *proposal = node->order.proposals;

		node->order.proposals = proposal->next;
		proposal->done(node, proposal->ctx, &result);
		free(proposal);
	}
}
