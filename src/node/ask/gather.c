/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/gather.h"

#include <assert.h>
#include <stdlib.h>

#include "dvk.h"
#include "node/ask/forward.h"
#include "node/ask/request.h"
#include "node/state/order.h"
#include "os/lock.h"
#include "os/loop.h"

/*
 * Each node is asked by a request of its own whose asker is the gather instead of a client. A node that does not
 * answer in time is left out: the timer answers the parent, and a later answer finds none.
 */

#define GATHER_TIMEOUT_US 500000

struct gather {
	struct request *parent; /* NULL once it was answered */
	gather_fn *done;
	struct os_source *timer;
	unsigned pending;
	bool starting;
};

static void answer(struct gather *gather)
{
	struct request *parent = gather->parent;
	gather_fn *done = gather->done;

	gather->parent = NULL;
	gather->timer = os_source_free(gather->timer);
	if (!gather->pending)
		free(gather);
	if (parent)
		done(parent);
}

static void timed_out(void *ctx)
{
	answer(ctx);
}

static void on_packet(void *asker, int node, const struct ctl_reply *reply, const void *payload)
{
	struct gather *gather = asker;

	if (reply->packet == CTL_ROW && gather->parent)
		request_row(gather->parent, payload, reply->payload_bytes);
	if (reply->packet == CTL_DATA && gather->parent) {
		/* The asker counts bytes from the task's beginning, also those that are not kept any more. */
		gather->parent->data_sent = (uint64_t)reply->value - reply->payload_bytes;
		request_data(gather->parent, payload, reply->payload_bytes);
	}
	if (reply->packet != CTL_END)
		return;
	assert(gather->pending > 0);
	gather->pending--;
	if (gather->parent && !reply->error)
		gather->parent->gathered |= 1u << node;
	if (gather->starting || gather->pending)
		return;
	if (gather->parent)
		answer(gather);
	else
		free(gather);
}

static void ask(struct gather *gather, int node, enum ctl_call call)
{
	struct request *child = request_new(gather->parent->requests);

	if (!child)
		return;
	child->told = on_packet;
	child->asker = gather;
	child->user = gather->parent->user;
	child->head = (struct ctl_request){ .magic = CTL_MAGIC,
					    .version = CTL_VERSION,
					    .call = (uint16_t)call,
					    .node = node,
					    .cmd = 1,
					    .dcid = gather->parent->head.dcid,
					    .endpoint = gather->parent->head.endpoint };
	gather->pending++;
	forward_start(child, node);
}

void gather_start(struct request *parent, enum ctl_call call, gather_fn *done)
{
	const struct order *order = parent->requests->order;
	struct gather *gather = calloc(1, sizeof(*gather));

	assert(os_lock_protects());
	if (!gather) {
		done(parent);
		return;
	}
	*gather = (struct gather){ .parent = parent, .done = done, .starting = true };
	for (int i = 0; i < NR_NODES; i++)
		if (i != order->self && order->directory.node[i].up)
			ask(gather, i, call);
	gather->starting = false;
	if (!gather->pending || os_source_timer(parent->requests->loop, GATHER_TIMEOUT_US,
						timed_out, gather, &gather->timer) < 0)
		answer(gather);
}
