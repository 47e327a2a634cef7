/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/reattach.h"

#include <assert.h>

#include "dvk.h"
#include "node/ask/forward.h"
#include "node/ask/request.h"
#include "node/state/order.h"
#include "os/lock.h"
#include "os/loop.h"

/* While it is kept, head.node is the node that it waits for. */

#define LIMIT_US 1000000

static const struct directory_endpoint *endpoint_of(const struct request *request)
{
	return order_endpoint(request->requests->order, request->head.dcid, request->head.endpoint);
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
	struct request **link = &request->requests->detached;

	assert(request->is_detached);
	request->is_detached = false;
	request_note(request);
	while (*link && *link != request)
		link = &(*link)->next_kept;
	assert(*link);
	*link = request->next_kept;
	request->patience = os_source_free(request->patience);
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
		request->head.node, request->requests->order->self);
}

static void cancelled(struct request *request)
{
	forget(request);
	request_end(request, 0, NULL, 0, NULL, 0);
}

void reattach_adopt(struct request *request, int owner, uint32_t generation)
{
	assert(os_lock_protects());
	assert(request->to < 0);
	assert(!request->patience);
	request->head.node = owner;
	request->generation = generation;
	request->cancelled = cancelled;
	request->is_detached = true;
	request_note(request);
	request->next_kept = request->requests->detached;
	request->requests->detached = request;
}

static bool keep_for_a_while(struct request *request, uint32_t generation)
{
	struct os_source *timer;

	if (os_source_timer(request->requests->loop, LIMIT_US, give_up, request, &timer) < 0)
		return false;
	reattach_adopt(request, request->head.node, generation);
	request->patience = timer;
	return true;
}

static struct again_request rule_of(const struct request *request)
{
	return (struct again_request){ .has_asker = request->fd >= 0,
				       .is_follower = reattach_possible(request),
				       .is_harmless = again_is_harmless(request->head.call),
				       .is_answered = request->answered,
				       .is_inside = request->told && request->from < 0,
				       .is_passed_on = request->from >= 0 };
}

bool reattach_without(const struct request *request)
{
	const struct again_request rule = rule_of(request);

	return again_without(&rule);
}

bool reattach_keep(struct request *request, enum again_fate fate)
{
	const struct directory_endpoint *ep = endpoint_of(request);
	bool is_bound = ep && ep->bound;
	const struct again_request rule = rule_of(request);

	assert(os_lock_protects());
	switch (again_of(&rule, fate, is_bound)) {
	case AGAIN_ATTACH:
		reattach_adopt(request, request->head.node, ep->generation);
		return true;
	case AGAIN_ASK:
		return keep_for_a_while(request, ep ? ep->generation : 0);
	case AGAIN_NOT:
		break;
	}
	return false;
}

/* Calls fn for those that wait for this node, and forgets them before. */
static void each(struct requests *requests, int peer, void (*fn)(struct request *request))
{
	struct request *at = requests->detached;

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
		request->requests->dispatch(request);
	else if (ep && ep->bound && ep->generation == request->generation)
		forward_follow(request, ep->node);
	else
		gone(request);
}

void reattach_on_link(struct requests *requests, int peer)
{
	assert(os_lock_protects());
	each(requests, peer, ask_again);
}

static void left(struct request *request)
{
	if (reattach_possible(request))
		gone(request);
	else
		request_fail(request, EDVSNOTCONN, "node %d left the cluster while it was asked",
			     request->head.node);
}

void reattach_on_left(struct requests *requests, int peer)
{
	assert(os_lock_protects());
	each(requests, peer, left);
}
