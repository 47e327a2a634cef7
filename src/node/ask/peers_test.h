/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_ASK_PEERS_TEST_H
#define DVS_NODE_ASK_PEERS_TEST_H

/*
 * The other nodes, for tests of requests that are passed on: the messages to them are noted and not sent, and the test
 * says how they answer. For a test of one process that includes this once. The node itself is number 0.
 */

#include <string.h>

#include "base/test.h"
#include "node/ask/asker_test.h"
#include "node/ask/forward.h"
#include "node/ask/request.h"
#include "node/state/message.h"
#include "node/state/order.h"
#include "proxy/proxy.h"

/* As in forward.c, before each message. */
struct peers_wire {
	uint64_t id;
	int32_t origin;
	uint32_t pad;
};

struct peers_message {
	int to;
	uint16_t kind;
	struct peers_wire wire;
	struct right_user user; /* of a request */
	union {
		struct ctl_request request;
		struct ctl_reply reply;
	};
	uint8_t body[ANSWER_BYTES];
	uint32_t bytes;
};

static struct {
	struct requests requests;
	struct order order;
	struct ctl_counters counters;
	struct peers_message sent[64];
	unsigned count;
	int error;  /* of the next messages */
	bool keeps; /* a request whose node is out of reach */
	unsigned losses;
	struct request *lost;
	enum again_fate fate;
	struct request *dispatched;
	int cancel_from;
	uint64_t cancel_id;
	struct answer answer;
} peers;

int proxy_message(struct proxy *proxy, int node, uint16_t kind, const void *head, uint32_t head_len,
		  const void *body, uint32_t body_len)
{
	struct peers_message *message = &peers.sent[peers.count % 64];
	size_t behind = head_len - sizeof(message->wire);

	(void)proxy;
	if (peers.error)
		return peers.error;
	memset(message, 0, sizeof(*message));
	message->to = node;
	message->kind = kind;
	memcpy(&message->wire, head, sizeof(message->wire));
	head = (const uint8_t *)head + sizeof(message->wire);
	if (kind == NODE_MESSAGE_REQUEST) {
		memcpy(&message->user, head, sizeof(message->user));
		head = (const uint8_t *)head + sizeof(message->user);
		behind -= sizeof(message->user);
	}
	memcpy(&message->request, head, behind);
	CHECK(body_len <= ANSWER_BYTES);
	message->bytes = body_len;
	if (body_len && body_len <= ANSWER_BYTES)
		memcpy(message->body, body, body_len);
	peers.count++;
	return 0;
}

static bool peers_on_lost(struct request *request, enum again_fate fate)
{
	peers.losses++;
	peers.lost = request;
	peers.fate = fate;
	return peers.keeps;
}

static void peers_on_cancel(struct requests *requests, int from, uint64_t id)
{
	CHECK(requests == &peers.requests);
	peers.cancel_from = from;
	peers.cancel_id = id;
}

static void peers_dispatch(struct request *request)
{
	peers.dispatched = request;
}

TEST_LOOKS_UNUSED static void peers_begin(void)
{
	memset(&peers, 0, sizeof(peers));
	directory_init(&peers.order.directory);
	peers.requests.order = &peers.order;
	peers.requests.counters = &peers.counters;
	peers.requests.on_lost = peers_on_lost;
	peers.requests.on_cancel = peers_on_cancel;
	peers.requests.dispatch = peers_dispatch;
	peers.cancel_from = -1;
}

TEST_LOOKS_UNUSED static struct request *peers_ask(int call)
{
	return asker_request(&peers.requests, call, &peers.answer);
}

/* The last message, or the one so many before it. */
TEST_LOOKS_UNUSED static const struct peers_message *peers_last(unsigned before)
{
	static const struct peers_message none;

	return peers.count > before ? &peers.sent[(peers.count - 1 - before) % 64] : &none;
}

/* A message of that node comes in. */
TEST_LOOKS_UNUSED static void peers_say(int from, uint16_t kind, const struct peers_wire *wire,
					const void *head, size_t head_len, const void *body,
					size_t body_len)
{
	uint8_t bytes[sizeof(*wire) + sizeof(struct ctl_reply) + ANSWER_BYTES];

	memcpy(bytes, wire, sizeof(*wire));
	if (head_len)
		memcpy(bytes + sizeof(*wire), head, head_len);
	if (body_len)
		memcpy(bytes + sizeof(*wire) + head_len, body, body_len);
	forward_on_message(&peers.requests, from, kind, bytes,
			   (uint32_t)(sizeof(*wire) + head_len + body_len));
}

/* A packet of the answer to the request with that id. */
TEST_LOOKS_UNUSED static void peers_reply(int from, uint64_t id, int packet, int64_t value,
					  int error, const char *text)
{
	struct peers_wire wire = { .id = id };
	struct ctl_reply reply = { .magic = CTL_MAGIC,
				   .packet = (uint16_t)packet,
				   .fds = 3, /* which no link can carry */
				   .value = value,
				   .error = error,
				   .payload_bytes = (uint32_t)strlen(text) };

	peers_say(from, NODE_MESSAGE_PACKET, &wire, &reply, sizeof(reply), text, strlen(text));
}

#endif
