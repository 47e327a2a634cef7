/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/forward.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dvk.h"
#include "node/ask/request.h"
#include "node/ask/share.h"
#include "node/state/counters.h"
#include "node/state/message.h"
#include "node/state/order.h"
#include "proxy/proxy.h"
#include "os/lock.h"

/*
 * The two ends of a request passed on: the asking node keeps it in requests->forwarded under forward_id,
 * the answering node makes a request of its own whose packets go back as NODE_MESSAGE_PACKET with the
 * same id. Either side's loss ends it: the asker's by CANCEL, the answering node's by its leaving the
 * group.
 */

/* Header of each of these messages. */
struct forward_wire {
	uint64_t id;
	int32_t origin;
	uint32_t pad;
};

static void forget(struct request *request)
{
	struct request **link = &request->requests->forwarded;

	while (*link && *link != request)
		link = &(*link)->next_forwarded;
	assert(*link == request);
	*link = request->next_forwarded;
	request->to = -1;
	request->cancelled = NULL;
}

/* A client that goes on waiting (dvs migrate --cancel) hears how it ends. */
static void cancelled(struct request *request)
{
	struct forward_wire wire = { .id = request->forward_id,
				     .origin = request->requests->order->self };

	assert(request->to >= 0);
	proxy_message(request->requests->proxy, request->to, NODE_MESSAGE_CANCEL, &wire,
		      sizeof(wire), NULL, 0);
	if (request->fd >= 0)
		return;
	forget(request);
	request_end(request, 0, NULL, 0, NULL, 0);
}

/* Of the endpoint that it follows: of one that is bound next, if that has not been heard of here yet. */
static void note_life(struct request *request)
{
	const struct directory_endpoint *ep = order_endpoint(
		request->requests->order, request->head.dcid, request->head.endpoint);

	request->generation = ep ? ep->generation : 0;
}

void forward_start(struct request *request, int to)
{
	struct requests *requests = request->requests;
	struct forward_wire wire = { .origin = requests->order->self };
	uint8_t head[sizeof(wire) + sizeof(request->user) + sizeof(request->head)];
	int r;

	assert(os_lock_protects());
	assert(request->to < 0);
	wire.id = request->forward_id = ++requests->last_id;
	request->head.node = to;
	memcpy(head, &wire, sizeof(wire));
	memcpy(head + sizeof(wire), &request->user, sizeof(request->user));
	memcpy(head + sizeof(wire) + sizeof(request->user), &request->head, sizeof(request->head));
	r = proxy_message(requests->proxy, to, NODE_MESSAGE_REQUEST, head, sizeof(head),
			  request->payload, request->head.payload_bytes);
	if (r < 0) {
		if (r == -ENOTCONN && requests->on_lost(request, AGAIN_UNSENT))
			return;
		request_fail(request, EDVSNOTCONN,
			     "node %d cannot be reached from node %d just now; try again when the "
			     "link is up (dvs nodes)",
			     to, requests->order->self);
		return;
	}
	counters_forwarded(requests->counters);
	request->to = to;
	request->cancelled = cancelled;
	note_life(request);
	request_note(request);
	request->next_forwarded = requests->forwarded;
	requests->forwarded = request;
}

void forward_follow(struct request *request, int to)
{
	struct ctl_reply reply = { .packet = CTL_END, .value = to, .error = EDVSMIGRATE };

	assert(request->to < 0);
	assert(os_lock_protects());
	if (request->from >= 0) { /* the asker's node asks the new owner by itself */
		request_pass(request, &reply, NULL);
		return;
	}
	request->head.call = CTL_LOGS;
	request->head.flags |= CTL_FLAG_FOLLOW;
	request->head.bytes = (int64_t)request->data_sent;
	request->head.payload_bytes = 0;
	request->keeper = NULL;
	request->cancelled = NULL;
	if (to == request->requests->order->self)
		request->requests->dispatch(request);
	else
		forward_start(request, to);
}

/* A packet of our answer to another node's request; request.h, told. */
static void told(void *asker, int node, const struct ctl_reply *reply, const void *payload)
{
	const struct request *request = asker;
	struct forward_wire wire = { .id = request->remote_id, .origin = request->from };
	uint8_t head[sizeof(wire) + sizeof(*reply)];

	assert(request->from >= 0);
	(void)node;
	memcpy(head, &wire, sizeof(wire));
	memcpy(head + sizeof(wire), reply, sizeof(*reply));
	proxy_message(request->requests->proxy, request->from, NODE_MESSAGE_PACKET, head,
		      sizeof(head), payload, reply->payload_bytes);
}

static void on_request(struct requests *requests, int from, const struct forward_wire *wire,
		       const uint8_t *bytes, uint32_t len)
{
	struct request *request = request_new(requests);
	bool right = len >= sizeof(request->user);

	if (!request)
		return;
	/* Without a user that could be read, it is nobody's: no number is given out that says "no user". */
	request->user = (struct right_user){ .uid = UINT32_MAX, .gid = UINT32_MAX };
	if (right) {
		memcpy(&request->user, bytes, sizeof(request->user));
		bytes += sizeof(request->user);
		len -= (uint32_t)sizeof(request->user);
		right = request->user.group_count <= RIGHT_GROUPS_MAX;
	}
	request->from = from;
	request->remote_id = wire->id;
	request->told = told;
	request->asker = request;
	request->counted = share_take(&requests->shares, request->uid, SHARE_REQUESTS);
	if (!request->counted)
		request_fail_share(request, SHARE_REQUESTS);
	else if (!right || request_parse(request, bytes, len) < 0)
		request_fail(
			request, EDVSVERSION,
			"node %d speaks another control protocol: install the same release there",
			from);
	else
		requests->dispatch(request);
}

/* Only the node that was asked may answer. */
static void on_packet(struct requests *requests, int from, const struct forward_wire *wire,
		      const uint8_t *bytes, uint32_t len)
{
	struct request *request = requests->forwarded;
	struct ctl_reply reply;

	while (request && (request->to != from || request->forward_id != wire->id))
		request = request->next_forwarded;
	if (!request || len < sizeof(reply))
		return;
	memcpy(&reply, bytes, sizeof(reply));
	if (reply.payload_bytes != len - sizeof(reply))
		return;
	reply.fds = 0; /* none can come over a link, whatever it says */
	if (reply.error)
		reply.error = result_checked(reply.error);
	if (!request->answered)
		note_life(request);
	request->answered = true;
	if (reply.packet == CTL_DATA)
		request->data_sent = (uint64_t)reply.value;
	request_note(request);
	if (reply.packet == CTL_END) {
		forget(request);
		if (reply.error == EDVSMIGRATE && request->head.flags & CTL_FLAG_FOLLOW) {
			forward_follow(request, (int)reply.value);
			return;
		}
	}
	request_pass(request, &reply, bytes + sizeof(reply));
}

void forward_on_message(struct requests *requests, int from, uint16_t kind, const uint8_t *bytes,
			uint32_t len)
{
	struct forward_wire wire;

	assert(os_lock_protects());
	if (len < sizeof(wire))
		return;
	memcpy(&wire, bytes, sizeof(wire));
	bytes += sizeof(wire);
	len -= sizeof(wire);
	if (kind == NODE_MESSAGE_REQUEST)
		on_request(requests, from, &wire, bytes, len);
	else if (kind == NODE_MESSAGE_PACKET)
		on_packet(requests, from, &wire, bytes, len);
	else
		requests->on_cancel(requests, from, wire.id);
}

void forward_on_node_down(struct requests *requests, int down, bool left)
{
	enum again_fate fate = requests->restarting >> down & 1 ? AGAIN_UNTOUCHED : AGAIN_UNKNOWN;
	struct request **link = &requests->forwarded;

	assert(os_lock_protects());
	requests->restarting &= ~(1u << down);
	while (*link) {
		struct request *lost = *link;

		if (lost->to != down) {
			link = &lost->next_forwarded;
			continue;
		}
		forget(lost);
		if (!left && requests->on_lost(lost, fate))
			continue;
		if (left)
			request_fail(lost, EDVSNOTCONN,
				     "node %d left the cluster while it was asked", down);
		else
			request_fail(lost, EDVSNOTCONN,
				     "the link to node %d broke while it was asked; look at what "
				     "became of it (dvs ps) when the link is back (dvs nodes)",
				     down);
	}
}
