/* SPDX-License-Identifier: Apache-2.0 */
#include "node/reattach.h"

#include "dvk.h"
#include "node/node.h"
#include "node/request.h"

/* While it is kept, head.node is whom it waits for, and forward_id the generation that it follows. */

static const struct directory_endpoint *endpoint_of(const struct request *request)
{
	return node_endpoint(request->node, request->head.dcid,
			     _ENDPOINT_P(request->head.endpoint));
}

bool reattach_possible(const struct request *request)
{
	if (!(request->head.flags & CTL_FLAG_FOLLOW) || request->fd < 0)
		return false;
	/* Whether a command was started that has not said so is not known. */
	return request->head.call == CTL_LOGS ||
	       (request->head.call == CTL_RUN && request->answered);
}

static void forget(struct request *request)
{
	struct request **link = &request->node->detached;

	while (*link != request)
		link = &(*link)->next_kept;
	*link = request->next_kept;
}

static void cancelled(struct request *request)
{
	forget(request);
	request_end(request, 0, NULL, 0, NULL, 0);
}

void reattach_adopt(struct request *request, int owner, uint32_t generation)
{
	request->to = -1;
	request->head.node = owner;
	request->forward_id = generation;
	request->cancelled = cancelled;
	request->next_kept = request->node->detached;
	request->node->detached = request;
}

bool reattach_keep(struct request *request)
{
	const struct directory_endpoint *ep = endpoint_of(request);

	if (!reattach_possible(request) || !ep || !ep->bound)
		return false;
	reattach_adopt(request, request->to, ep->generation);
	return true;
}

/* Calls fn for those that wait for this node, and forgets them before. */
static void each(struct node *node, int peer, void (*fn)(struct request *request))
{
	struct request *at = node->detached;

	while (at) {
		struct request *next = at->next_kept;

		if (at->head.node == peer) {
			forget(at);
			fn(at);
		}
		at = next;
	}
}

static void gone(struct request *request)
{
	request_fail(
		request, EDVSNOTCONN,
		"endpoint %d ended while its node was out of reach; what it wrote: dvs logs %d "
		"%d",
		request->head.endpoint, request->head.dcid, request->head.endpoint);
}

static void ask_again(struct request *request)
{
	const struct directory_endpoint *ep = endpoint_of(request);

	if (ep && ep->bound && ep->generation == request->forward_id)
		request_move(request, ep->node);
	else
		gone(request);
}

void reattach_on_link(struct node *node, int peer)
{
	each(node, peer, ask_again);
}

void reattach_on_left(struct node *node, int peer)
{
	each(node, peer, gone);
}
