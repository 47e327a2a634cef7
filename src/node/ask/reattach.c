/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/reattach.h"

#include "dvk.h"
#include "node/node.h"
#include "node/ask/request.h"
#include "os/loop.h"

/*
 * While it is kept, head.node is whom it waits for, forward_id the generation that it follows, keeper
 * the timer that limits the wait.
 */

#define LIMIT_US 1000000

static const struct directory_endpoint *endpoint_of(const struct request *request)
{
	return order_endpoint(&request->node->order, request->head.dcid, request->head.endpoint);
}

bool reattach_possible(const struct request *request)
{
	if (!(request->head.flags & CTL_FLAG_FOLLOW) || request->fd < 0)
		return false;
	/* Whether a command was started that has not said so is not known. */
	return request->head.call == CTL_LOGS ||
	       (request->head.call == CTL_RUN && request->answered);
}

/* What only looks, or states how something shall be. */
static bool may_be_asked_twice(const struct request *request)
{
	switch (request->head.call) {
	case CTL_PROCINFO:
	case CTL_DCINFO:
	case CTL_NODEINFO:
	case CTL_DVSINFO:
	case CTL_PRIV:
	case CTL_PS:
	case CTL_NODES:
	case CTL_DCS:
	case CTL_PROCTABLE:
	case CTL_LOGS:
	case CTL_STATUS:
	case CTL_COUNTERS:
		return !request->answered;
	}
	return false;
}

static void forget(struct request *request)
{
	struct request **link = &request->node->requests.detached;

	while (*link != request)
		link = &(*link)->next_kept;
	*link = request->next_kept;
	os_source_free(request->keeper);
	request->keeper = NULL;
	request->cancelled = NULL;
}

static void give_up(void *ctx)
{
	struct request *request = ctx;

	forget(request);
	request_fail(
		request, EDVSNOTCONN,
		"node %d cannot be reached from node %d just now; try again when the link is up "
		"(dvs nodes)",
		request->head.node, request->node->options.id);
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
	request->keeper = NULL;
	request->cancelled = cancelled;
	request->next_kept = request->node->requests.detached;
	request->node->requests.detached = request;
}

static bool keep_for_a_while(struct request *request, uint32_t generation)
{
	struct os_source *timer;

	if (os_source_timer(request->node->loop, LIMIT_US, give_up, request, &timer) < 0)
		return false;
	reattach_adopt(request, request->head.node, generation);
	request->keeper = timer;
	return true;
}

bool reattach_keep(struct request *request, bool sent)
{
	const struct directory_endpoint *ep = endpoint_of(request);

	if (request->fd < 0)
		return false;
	if (sent && reattach_possible(request)) {
		if (!ep || !ep->bound)
			return false;
		reattach_adopt(request, request->head.node, ep->generation);
		return true;
	}
	return (!sent || may_be_asked_twice(request)) &&
	       keep_for_a_while(request, ep ? ep->generation : 0);
}

/* Calls fn for those that wait for this node, and forgets them before. */
static void each(struct node *node, int peer, void (*fn)(struct request *request))
{
	struct request *at = node->requests.detached;

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

	if (!reattach_possible(request))
		request->node->requests.dispatch(request);
	else if (ep && ep->bound && ep->generation == request->forward_id)
		request_move(request, ep->node);
	else
		gone(request);
}

void reattach_on_link(struct node *node, int peer)
{
	each(node, peer, ask_again);
}

static void left(struct request *request)
{
	if (reattach_possible(request))
		gone(request);
	else
		request_fail(request, EDVSNOTCONN, "node %d left the cluster while it was asked",
			     request->head.node);
}

void reattach_on_left(struct node *node, int peer)
{
	each(node, peer, left);
}
