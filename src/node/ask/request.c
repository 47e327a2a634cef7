/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/refusal.h"
#include "node/node.h"
#include "node/ask/outbox.h"
#include "node/ask/reattach.h"
#include "node/ask/share.h"
#include "node/state/counters.h"
#include "os/clock.h"
#include "os/descriptors.h"
#include "os/log.h"
#include "os/loop.h"
#include "os/pid.h"
#include "os/socket.h"

#define FIRST_WORDS_NS INT64_C(10000000000) /* a client connects and asks in one breath */
#define USER_MIN       16

/*
 * The two ends of a request passed on: the asking node keeps it in node->requests.forwarded under forward_id,
 * the answering node makes a request of its own whose packets go back as NODE_MESSAGE_PACKET with the
 * same id. Either side's loss ends it: the asker's by CANCEL, the answering node's by its leaving the
 * group. A client that goes away is noticed by its socket becoming readable (end of file).
 */

struct request *request_new(struct node *node)
{
	struct request *request = calloc(1, sizeof(*request));

	if (request) {
		request->node = node;
		request->fd = request->from = request->to = -1;
	}
	return request;
}

void request_keep(struct request **list, struct request *request, void *keeper,
		  void (*cancelled)(struct request *request))
{
	request->keeper = keeper;
	request->cancelled = cancelled;
	request->next_kept = *list;
	*list = request;
}

bool request_unkeep(struct request **list, const struct request *request)
{
	for (struct request **link = list; *link; link = &(*link)->next_kept) {
		if (*link == request) {
			*link = request->next_kept;
			return true;
		}
	}
	return false;
}

static void client_link(struct request *request, int fd)
{
	struct node *node = request->node;

	request->fd = fd;
	request->next_client = node->requests.clients;
	request->client_link = &node->requests.clients;
	if (node->requests.clients)
		node->requests.clients->client_link = &request->next_client;
	node->requests.clients = request;
}

static void client_unlink(struct request *request)
{
	if (!request->client_link)
		return;
	*request->client_link = request->next_client;
	if (request->next_client)
		request->next_client->client_link = request->client_link;
	request->client_link = NULL;
}

static void request_free(struct request *request)
{
	if (request->freed)
		request->freed(request);
	client_unlink(request);
	os_source_free(request->source);
	if (request->fd >= 0 && request->outbox)
		outbox_finish(request->outbox);
	else if (request->fd >= 0)
		os_close(request->fd);
	if (request->counted)
		share_give(request->node, request->uid, SHARE_REQUESTS);
	free(request->payload);
	free(request);
}

static void forget_forwarded(struct request *request)
{
	for (struct request **link = &request->node->requests.forwarded; *link;
	     link = &(*link)->next_forwarded) {
		if (*link == request) {
			*link = request->next_forwarded;
			return;
		}
	}
}

/* To a client of ours, at once or when it has read what came before. Descriptors go at once or not at all. */
static int send_to_client(struct request *request, const struct iovec *parts, int count,
			  const int *fds, int fds_count)
{
	int r = request->outbox ? -EAGAIN
				: os_packet_sendv(request->fd, parts, count, fds, fds_count);

	if (r != -EAGAIN || fds_count)
		return r;
	return outbox_add(&request->outbox, request->node->loop, request->fd, parts, count);
}

static void send_packet(struct request *request, struct ctl_reply *reply, const void *payload,
			const int *fds)
{
	struct request_wire wire = { .id = request->remote_id, .origin = request->from };
	uint8_t head[sizeof(wire) + sizeof(*reply)];
	struct iovec parts[2] = { { reply, sizeof(*reply) },
				  { (void *)(uintptr_t)payload, reply->payload_bytes } };

	reply->magic = CTL_MAGIC;
	if (request->told) {
		request->told(request->asker, request->head.node, reply, payload);
		return;
	}
	if (request->from >= 0) {
		reply->fds = 0;
		memcpy(head, &wire, sizeof(wire));
		memcpy(head + sizeof(wire), reply, sizeof(*reply));
		proxy_message(request->node->proxy, request->from, NODE_MESSAGE_PACKET, head,
			      sizeof(head), payload, reply->payload_bytes);
		return;
	}
	if (request->fd >= 0 && send_to_client(request, parts, 2, fds, reply->fds) < 0) {
		os_log(OS_LOG_DEBUG, "a control client went away, or does not read");
		/* A gap in what it is told would go unnoticed; the end of the connection does not. */
		os_shutdown(request->fd);
	}
}

void request_row(struct request *request, const void *row, uint32_t bytes)
{
	struct ctl_reply reply = { .packet = CTL_ROW, .payload_bytes = bytes };

	send_packet(request, &reply, row, NULL);
}

void request_data(struct request *request, const void *data, uint32_t bytes)
{
	const uint8_t *at = data;

	while (bytes) {
		uint32_t part = bytes > 32768 ? 32768 : bytes;
		struct ctl_reply reply = { .packet = CTL_DATA, .payload_bytes = part };

		request->data_sent += part;
		reply.value = (int64_t)request->data_sent;
		send_packet(request, &reply, at, NULL);
		at += part;
		bytes -= part;
	}
}

void request_end(struct request *request, int64_t value, const void *payload, uint32_t bytes,
		 const int *fds, int fds_count)
{
	struct ctl_reply reply = { .packet = CTL_END,
				   .payload_bytes = bytes,
				   .value = value,
				   .fds = (uint16_t)fds_count };

	if (fds_count && request->fd >= 0 && !request_caller_is_there(request)) {
		request_fail_gone(request);
		return;
	}
	send_packet(request, &reply, payload, fds);
	request_free(request);
}

void request_refuse(struct request *request, const struct refusal *refusal)
{
	int error = result_checked(refusal->error);
	struct ctl_reply reply = { .packet = CTL_END, .value = error, .error = error };

	snprintf(reply.sentence, sizeof(reply.sentence), "%s", refusal->reason);
	counters_refused(&request->node->life.counters, error);
	send_packet(request, &reply, NULL, NULL);
	request_free(request);
}

void request_fail_number(struct request *request, int error, const char *format, ...)
{
	struct refusal why = REFUSAL_NONE;
	va_list ap;

	va_start(ap, format);
	refusal_set_va(&why, error, format, ap);
	va_end(ap);
	request_refuse(request, &why);
}

void request_fail_errno(struct request *request, int number, const char *format, ...)
{
	struct refusal why = REFUSAL_NONE;
	va_list ap;

	va_start(ap, format);
	refusal_set_va(&why, result_of_errno(number), format, ap);
	va_end(ap);
	request_refuse(request, &why);
}

void request_forward(struct request *request, int to)
{
	struct node *node = request->node;
	struct request_wire wire = { .origin = node->options.id,
				     .uid = request->uid,
				     .gid = request->gid };
	uint8_t head[sizeof(wire) + sizeof(request->head)];
	int r;

	request->forward_id = ++node->requests.last_id;
	request->to = to;
	request->head.node = to;
	wire.id = request->forward_id;
	memcpy(head, &wire, sizeof(wire));
	memcpy(head + sizeof(wire), &request->head, sizeof(request->head));
	r = proxy_message(node->proxy, to, NODE_MESSAGE_REQUEST, head, sizeof(head),
			  request->payload, request->head.payload_bytes);
	if (r < 0) {
		request->to = -1;
		if (r == -ENOTCONN && reattach_keep(request, false))
			return;
		request_fail(request, EDVSNOTCONN,
			     "node %d cannot be reached from node %d just now; try again when the "
			     "link is up (dvs nodes)",
			     to, node->options.id);
		return;
	}
	counters_forwarded(&node->life.counters);
	request->next_forwarded = node->requests.forwarded;
	node->requests.forwarded = request;
}

void request_move(struct request *request, int to)
{
	struct ctl_reply reply = { .packet = CTL_END, .value = to, .error = EDVSMIGRATE };

	if (request->from >= 0) { /* the asker's node asks the new owner by itself */
		send_packet(request, &reply, NULL, NULL);
		request_free(request);
		return;
	}
	request->head.call = CTL_LOGS;
	request->head.flags |= CTL_FLAG_FOLLOW;
	request->head.bytes = (int64_t)request->data_sent;
	request->head.payload_bytes = 0;
	request->keeper = NULL;
	request->cancelled = NULL;
	if (to == request->node->options.id)
		request->node->requests.dispatch(request);
	else
		request_forward(request, to);
}

/* A client that goes on waiting asks that what it waits for is given up. */
static void client_cancels(struct request *request)
{
	struct request_wire wire = { .id = request->forward_id,
				     .origin = request->node->options.id };

	if (request->to >= 0)
		proxy_message(request->node->proxy, request->to, NODE_MESSAGE_CANCEL, &wire,
			      sizeof(wire), NULL, 0);
	else if (request->cancelled)
		request->cancelled(request);
}

/* The client closed: whoever keeps the request is told, or the other node is. */
static void client_gone(struct request *request)
{
	struct request_wire wire = { .id = request->forward_id,
				     .origin = request->node->options.id };

	request->source = os_source_free(request->source);
	request->outbox = outbox_drop(request->outbox);
	client_unlink(request);
	os_close(request->fd);
	request->fd = -1;
	if (request->to >= 0) {
		proxy_message(request->node->proxy, request->to, NODE_MESSAGE_CANCEL, &wire,
			      sizeof(wire), NULL, 0);
		forget_forwarded(request);
		request_free(request);
	} else if (request->cancelled) {
		request->cancelled(request);
	}
}

static int parse(struct request *request, const uint8_t *packet, size_t len)
{
	if (len < sizeof(request->head))
		return -EBADMSG;
	memcpy(&request->head, packet, sizeof(request->head));
	if (request->head.magic != CTL_MAGIC || request->head.version != CTL_VERSION ||
	    request->head.payload_bytes != len - sizeof(request->head))
		return -EBADMSG;
	request->head.name[sizeof(request->head.name) - 1] = 0;
	if (!request->head.payload_bytes)
		return 0;
	request->payload = malloc(request->head.payload_bytes);
	if (!request->payload)
		return -ENOMEM;
	memcpy(request->payload, packet + sizeof(request->head), request->head.payload_bytes);
	return 0;
}

/* First the request, later only that it is cancelled, and the end of file. */
static void on_client(void *ctx, int fd, int events)
{
	static uint8_t packet[CTL_PACKET_MAX]; /* under the node lock */
	struct request *request = ctx;
	ssize_t len = os_packet_recv(fd, packet, sizeof(packet), NULL, NULL);

	(void)events;
	if (len == -EAGAIN)
		return;
	if (request->head.magic || len <= 0) {
		if (len > 0 && request->head.call == CTL_MOVE)
			client_cancels(request);
		else if (request->head.magic)
			client_gone(request);
		else
			request_free(request);
		return;
	}
	if (parse(request, packet, (size_t)len) < 0) {
		request_fail(request, EDVSVERSION,
			     "the request is not of control protocol version %d: use the dvs and "
			     "libdvk of the same release as the daemon",
			     CTL_VERSION);
		return;
	}
	request->node->requests.dispatch(request);
}

/* The oldest that has said nothing: of a user, or of anybody (-1), of root only if there is no other. */
static struct request *oldest_silent(struct node *node, int64_t uid)
{
	struct request *found = NULL;

	for (struct request *r = node->requests.clients; r; r = r->next_client) {
		if (r->head.magic || (uid >= 0 && r->uid != (uid_t)uid))
			continue;
		if (!found || r->uid != 0 || found->uid == 0)
			found = r; /* the newest comes first */
	}
	return found;
}

bool request_evict_silent(struct node *node)
{
	struct request *request = oldest_silent(node, -1);

	if (request)
		request_free(request);
	return request;
}

bool request_drop_overdue(struct node *node)
{
	int64_t limit = os_now_ns() - FIRST_WORDS_NS;
	struct request *request;
	bool more = false;

	for (request = node->requests.clients; request;) {
		struct request *next = request->next_client;

		if (!request->head.magic && request->since_ns <= limit)
			request_free(request);
		else if (!request->head.magic)
			more = true;
		request = next;
	}
	return more;
}

/* One user's part: an eighth of all, so that some users together take no more than others need. */
static bool has_too_many(const struct node *node, uid_t uid)
{
	uint64_t most = os_descriptors_limit() / 8, have = 0;

	for (const struct request *r = node->requests.clients; uid && r; r = r->next_client)
		have += r->uid == uid;
	return have > (most < USER_MIN ? USER_MIN : most);
}

bool request_caller_is_there(const struct request *request)
{
	struct os_peer peer = { request->pid, request->uid, request->gid, request->start };

	return request->fd >= 0 && os_peer_is_there(request->fd, &peer);
}

void request_fail_gone(struct request *request)
{
	request_fail(request, EDVSBADPID,
		     "the process that made this connection has ended, or has another user now: "
		     "connect again");
}

void request_accept(struct node *node, int fd, const struct os_peer *peer)
{
	struct request *request = request_new(node), *silent;
	struct os_peer watched = *peer;

	if (!request) {
		os_close(fd);
		return;
	}
	client_link(request, fd);
	request->pid = peer->pid;
	request->uid = peer->uid;
	request->gid = peer->gid;
	os_peer_watch(fd, &watched);
	request->start = watched.start;
	request->since_ns = os_now_ns();
	if (has_too_many(node, request->uid)) {
		silent = oldest_silent(node, request->uid);
		if (silent == request) { /* all others wait for answers */
			request_fail(request, EDVSUSERFULL,
				     "uid %u has as many connections to this daemon as one user "
				     "may: end programs that wait in one",
				     peer->uid);
			return;
		}
		request_free(silent);
	}
	if (os_source_io(node->loop, fd, OS_READ, on_client, request, &request->source) < 0)
		request_free(request);
}

struct request *request_adopt(struct node *node, int fd, const void *packet, size_t len)
{
	struct request *request;
	struct os_peer peer;

	if (os_unix_peer(fd, &peer) < 0) {
		os_close(fd);
		return NULL;
	}
	request_accept(node, fd, &peer);
	request = node->requests.clients;
	if (!request || request->fd != fd || !len)
		return NULL;
	if (parse(request, packet, len) == 0)
		return request;
	request_free(request);
	return NULL;
}

static void on_remote_request(struct node *node, int from, const struct request_wire *wire,
			      const uint8_t *bytes, uint32_t len)
{
	struct request *request = request_new(node);

	if (!request)
		return;
	request->uid = wire->uid;
	request->gid = wire->gid;
	request->from = from;
	request->remote_id = wire->id;
	request->counted = share_take(node, wire->uid, SHARE_REQUESTS);
	if (!request->counted)
		share_refuse(request, SHARE_REQUESTS);
	else if (parse(request, bytes, len) < 0)
		request_fail(
			request, EDVSVERSION,
			"node %d speaks another control protocol: install the same release there",
			from);
	else
		request->node->requests.dispatch(request);
}

static void on_packet(struct node *node, const struct request_wire *wire, const uint8_t *bytes,
		      uint32_t len)
{
	struct request *request = node->requests.forwarded;
	struct ctl_reply reply;

	while (request && request->forward_id != wire->id)
		request = request->next_forwarded;
	if (!request || len < sizeof(reply))
		return;
	memcpy(&reply, bytes, sizeof(reply));
	if (reply.payload_bytes != len - sizeof(reply))
		return;
	reply.fds = 0; /* none can come over a link, whatever it says */
	if (reply.error)
		reply.error = result_checked(reply.error);
	request->answered = true;
	if (reply.packet == CTL_DATA)
		request->data_sent = (uint64_t)reply.value;
	if (reply.packet == CTL_END) {
		forget_forwarded(request);
		request->to = -1;
		if (reply.error == EDVSMIGRATE && request->head.flags & CTL_FLAG_FOLLOW) {
			request_move(request, (int)reply.value);
			return;
		}
	}
	send_packet(request, &reply, bytes + sizeof(reply), NULL);
	if (reply.packet == CTL_END)
		request_free(request);
}

void request_on_message(struct node *node, int from, uint16_t kind, const uint8_t *bytes,
			uint32_t len)
{
	struct request_wire wire;

	if (len < sizeof(wire))
		return;
	memcpy(&wire, bytes, sizeof(wire));
	bytes += sizeof(wire);
	len -= sizeof(wire);
	if (kind == NODE_MESSAGE_REQUEST)
		on_remote_request(node, from, &wire, bytes, len);
	else if (kind == NODE_MESSAGE_PACKET)
		on_packet(node, &wire, bytes, len);
	else
		node->requests.on_cancel(node, from, wire.id);
}

void request_on_node_down(struct node *node, int down, bool left)
{
	struct request **link = &node->requests.forwarded;
	bool untouched = node->requests.restarting >> down & 1;

	node->requests.restarting &= ~(1u << down);
	if (left)
		reattach_on_left(node, down);
	while (*link) {
		struct request *request = *link;

		if (request->to != down) {
			link = &request->next_forwarded;
			continue;
		}
		*link = request->next_forwarded;
		if (!left &&
		    (reattach_keep(request, true) || (untouched && reattach_keep(request, false))))
			continue;
		if (left)
			request_fail(request, EDVSNOTCONN,
				     "node %d left the cluster while it was asked", down);
		else
			request_fail(request, EDVSNOTCONN,
				     "the link to node %d broke while it was asked; look at what "
				     "became of it (dvs ps) when the link is back (dvs nodes)",
				     down);
	}
}
