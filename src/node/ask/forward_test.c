/* SPDX-License-Identifier: Apache-2.0 */

/* Requests that are passed on, on the asking node and the answering one: which answers count, and each kind of loss. */

#include "node/ask/forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk.h"
#include "node/ask/peers_test.h"

#define FAR   1
#define THIRD 2

/* Asked at FAR. */
static struct request *ask(int call)
{
	struct request *request = peers_ask(call);

	request->uid = 1000;
	request->gid = 1001;
	forward_start(request, FAR);
	return request;
}

static void test_the_whole_request_is_passed_on(void)
{
	static uint8_t payload[] = "words";
	struct request *request;

	peers_begin();
	request = peers_ask(CTL_RUN);
	request->uid = 1000;
	request->gid = 1001;
	request->user.group_count = 2;
	request->user.group[1] = 55;
	request->payload = malloc(sizeof(payload));
	memcpy(request->payload, payload, sizeof(payload));
	request->head.payload_bytes = sizeof(payload);
	forward_start(request, FAR);
	CHECK_EQ(peers.count, 1);
	CHECK_EQ(peers_last(0)->to, FAR);
	CHECK_EQ(peers_last(0)->kind, NODE_MESSAGE_REQUEST);
	CHECK_EQ(peers_last(0)->user.uid, 1000);
	CHECK_EQ(peers_last(0)->user.gid, 1001);
	CHECK_EQ(peers_last(0)->user.group_count, 2);
	CHECK_EQ(peers_last(0)->user.group[1], 55);
	CHECK_EQ(peers_last(0)->request.call, CTL_RUN);
	CHECK_EQ(peers_last(0)->request.node, FAR);
	CHECK_EQ(peers_last(0)->bytes, sizeof(payload));
	CHECK(!memcmp(peers_last(0)->body, payload, sizeof(payload)));
	CHECK_EQ(peers.counters.calls_forwarded, 1);
	CHECK(!peers.answer.ends);
	peers_reply(FAR, peers_last(0)->wire.id, CTL_ROW, 0, 0, "row");
	CHECK_EQ(peers.answer.rows, 1);
	CHECK(!memcmp(peers.answer.row, "row", 3));
	CHECK(request->answered);
	peers_reply(FAR, peers_last(0)->wire.id, CTL_END, 42, 0, "end");
	CHECK_EQ(peers.answer.ends, 1);
	CHECK_EQ(peers.answer.value, 42);
	CHECK_EQ(peers.answer.bytes, 3);
	CHECK(!peers.requests.forwarded);
}

/* A message is an answer only if it is whole, and to a question of this node. */
static void test_answers_that_do_not_count(void)
{
	struct ctl_reply reply = { .magic = CTL_MAGIC, .packet = CTL_END };
	struct peers_wire wire = { 0 };
	struct request *request;

	peers_begin();
	request = ask(CTL_PS);
	wire.id = request->forward_id;
	peers_reply(FAR, wire.id + 1, CTL_END, 0, 0, "");
	peers_reply(THIRD, wire.id, CTL_END, 0, 0, ""); /* which was not asked */
	peers_say(FAR, NODE_MESSAGE_PACKET, &wire, &reply, sizeof(reply) - 1, NULL, 0);
	reply.payload_bytes = 1;
	peers_say(FAR, NODE_MESSAGE_PACKET, &wire, &reply, sizeof(reply), NULL, 0);
	reply.payload_bytes = 0;
	peers_say(FAR, NODE_MESSAGE_PACKET, &wire, &reply, sizeof(reply), "x", 1);
	forward_on_message(&peers.requests, FAR, NODE_MESSAGE_PACKET, (const uint8_t *)&wire,
			   sizeof(wire) - 1);
	CHECK_EQ(peers.answer.ends, 0);
	CHECK(!request->answered);
	CHECK(peers.requests.forwarded == request);
	/* A number that is no error of ours becomes one. */
	peers_reply(FAR, wire.id, CTL_END, 0, -31999, "");
	CHECK_EQ(peers.answer.ends, 1);
	CHECK_EQ(peers.answer.error, EDVSGENERIC);
	peers_reply(FAR, wire.id, CTL_END, 0, 0, ""); /* a second end finds none */
	CHECK_EQ(peers.answer.ends, 1);
}

/* Each answer finds its question, whichever comes first. */
static void test_two_questions(void)
{
	struct answer first = { 0 };
	uint64_t id;

	peers_begin();
	id = ask(CTL_PS)->forward_id;
	first = peers.answer;
	peers.requests.forwarded->asker = &first;
	CHECK(ask(CTL_PS)->forward_id != id);
	peers_reply(FAR, id, CTL_END, 1, 0, "");
	CHECK_EQ(first.ends, 1);
	CHECK_EQ(peers.answer.ends, 0);
	peers_reply(FAR, peers_last(0)->wire.id, CTL_END, 2, 0, "");
	CHECK_EQ(first.ends, 1);
	CHECK_EQ(peers.answer.value, 2);
}

/* Nothing was sent: it may wait for the link, and otherwise the asker hears that nothing was begun. */
static void test_out_of_reach(void)
{
	struct request *request;

	peers_begin();
	peers.error = -ENOTCONN;
	peers.keeps = true;
	request = ask(CTL_PS);
	CHECK_EQ(peers.losses, 1);
	CHECK_EQ(peers.fate, AGAIN_UNSENT);
	CHECK_EQ(peers.answer.ends, 0);
	CHECK(!peers.requests.forwarded);
	request_end(request, 0, NULL, 0, NULL, 0);
	peers.keeps = false;
	ask(CTL_PS);
	CHECK_EQ(peers.losses, 2);
	CHECK_EQ(peers.answer.error, EDVSNOTCONN);
	CHECK(strstr(peers.answer.sentence, "node 1 cannot be reached from node 0"));
	peers.error = -ENOBUFS; /* the link is up, and full: nobody waits for it to come up */
	peers.keeps = true;
	ask(CTL_PS);
	CHECK_EQ(peers.losses, 2);
	CHECK_EQ(peers.answer.error, EDVSNOTCONN);
	CHECK_EQ(peers.counters.calls_forwarded, 0);
}

static void test_the_link_breaks(void)
{
	struct request *request;

	peers_begin();
	ask(CTL_PS);
	forward_on_node_down(&peers.requests, THIRD, false);
	CHECK_EQ(peers.losses, 0);
	CHECK_EQ(peers.answer.ends, 0);
	forward_on_node_down(&peers.requests, FAR, false);
	CHECK_EQ(peers.losses, 1);
	CHECK_EQ(peers.fate, AGAIN_UNKNOWN);
	CHECK_EQ(peers.answer.error, EDVSNOTCONN);
	CHECK(strstr(peers.answer.sentence, "the link to node 1 broke"));
	peers.keeps = true;
	request = ask(CTL_PS);
	forward_on_node_down(&peers.requests, FAR, false);
	CHECK(peers.lost == request);
	CHECK_EQ(peers.answer.ends, 0);
	CHECK(!peers.requests.forwarded);
	CHECK(!request->cancelled && request->to == -1);
	request_end(request, 0, NULL, 0, NULL, 0);
}

/* A node that has said that it restarts has begun nothing: once, and of itself only. */
static void test_the_other_daemon_restarts(void)
{
	peers_begin();
	peers.requests.restarting = 1u << FAR | 1u << THIRD;
	ask(CTL_PS);
	forward_on_node_down(&peers.requests, FAR, false);
	CHECK_EQ(peers.fate, AGAIN_UNTOUCHED);
	CHECK_EQ(peers.requests.restarting, 1u << THIRD);
	ask(CTL_PS);
	forward_on_node_down(&peers.requests, FAR, false);
	CHECK_EQ(peers.fate, AGAIN_UNKNOWN);
}

/* It does not come back, so nobody waits for it, not even where it had said that it restarts. */
static void test_the_node_leaves(void)
{
	peers_begin();
	peers.keeps = true;
	peers.requests.restarting = 1u << FAR;
	ask(CTL_PS);
	forward_on_node_down(&peers.requests, FAR, true);
	CHECK_EQ(peers.losses, 0);
	CHECK_EQ(peers.answer.error, EDVSNOTCONN);
	CHECK(strstr(peers.answer.sentence, "node 1 left the cluster"));
	CHECK_EQ(peers.requests.restarting, 0);
}

/* An asker without a connection wants no answer any more; a client that waits hears how it ends. */
static void test_cancelled(void)
{
	struct request *request;
	uint64_t id;

	peers_begin();
	request = ask(CTL_MOVE);
	id = request->forward_id;
	request->cancelled(request);
	CHECK_EQ(peers_last(0)->kind, NODE_MESSAGE_CANCEL);
	CHECK_EQ(peers_last(0)->to, FAR);
	CHECK_EQ(peers_last(0)->wire.id, id);
	CHECK_EQ(peers.answer.ends, 1);
	CHECK(!peers.requests.forwarded);
	request = ask(CTL_MOVE);
	request->fd = 1000000; /* no descriptor is so high: none is closed */
	request->cancelled(request);
	CHECK_EQ(peers_last(0)->kind, NODE_MESSAGE_CANCEL);
	CHECK_EQ(peers.answer.ends, 0);
	CHECK(peers.requests.forwarded == request);
	request->fd = -1;
	peers_reply(FAR, request->forward_id, CTL_END, 0, EDVSINTR, "");
	CHECK_EQ(peers.answer.error, EDVSINTR);
}

/* The task has moved: its follower is attached to the new owner, from the byte on that comes next. */
static void test_followed_to_the_next_owner(void)
{
	struct request *request;

	peers_begin();
	request = ask(CTL_RUN);
	request->head.flags = CTL_FLAG_FOLLOW;
	peers_reply(FAR, request->forward_id, CTL_DATA, 4711, 0, "output");
	CHECK_EQ(request->data_sent, 4711);
	peers_reply(FAR, request->forward_id, CTL_END, THIRD, EDVSMIGRATE, "");
	CHECK_EQ(peers.answer.ends, 0);
	CHECK_EQ(peers_last(0)->to, THIRD);
	CHECK_EQ(peers_last(0)->request.call, CTL_LOGS);
	CHECK_EQ(peers_last(0)->request.flags, CTL_FLAG_FOLLOW);
	CHECK_EQ(peers_last(0)->request.bytes, 4711);
	peers_reply(THIRD, request->forward_id, CTL_END, peers.order.self, EDVSMIGRATE, "");
	CHECK_EQ(peers.answer.ends, 0);
	CHECK(peers.dispatched == request); /* it came here */
	CHECK(!peers.requests.forwarded);
	request_end(request, 0, NULL, 0, NULL, 0);
	ask(CTL_MOVE); /* follows nothing: it is an answer as others are */
	peers_reply(FAR, peers_last(0)->wire.id, CTL_END, THIRD, EDVSMIGRATE, "");
	CHECK_EQ(peers.answer.error, EDVSMIGRATE);
}

/* A question of another node for this one. */
static void hear_groups(int from, uint64_t id, uint32_t uid, uint32_t groups, uint16_t version)
{
	struct peers_wire wire = { .id = id, .origin = from };
	struct right_user user = { .uid = uid, .gid = 7, .group_count = groups, .group = { 55 } };
	struct ctl_request head = { .magic = CTL_MAGIC, .version = version, .call = CTL_PS };

	peers.dispatched = NULL;
	peers_say(from, NODE_MESSAGE_REQUEST, &wire, &user, sizeof(user), &head, sizeof(head));
}

static void hear(int from, uint64_t id, uint32_t uid, uint16_t version)
{
	hear_groups(from, id, uid, 1, version);
}

/* Nothing is done for a user that cannot be read, and nobody counts as root for it. */
static void test_a_user_that_is_cut_off(void)
{
	struct right_user user = { .uid = 0 };
	struct peers_wire wire = { .id = 77, .origin = THIRD };

	peers_begin();
	for (size_t bytes = 0; bytes <= sizeof(user); bytes += 20) {
		peers.dispatched = NULL;
		peers_say(THIRD, NODE_MESSAGE_REQUEST, &wire, &user, bytes, NULL, 0);
		CHECK(!peers.dispatched);
		CHECK_EQ(peers_last(0)->reply.error, EDVSVERSION);
	}
	hear_groups(THIRD, 77, 0, RIGHT_GROUPS_MAX + 1, CTL_VERSION);
	CHECK(!peers.dispatched);
	CHECK_EQ(peers_last(0)->reply.error, EDVSVERSION);
	CHECK(!peers.requests.shares);
	hear_groups(THIRD, 77, 1000, RIGHT_GROUPS_MAX, CTL_VERSION);
	CHECK_OR_RETURN(peers.dispatched);
	request_end(peers.dispatched, 0, NULL, 0, NULL, 0);
}

static void test_asked_by_another_node(void)
{
	struct request *request;

	peers_begin();
	hear(THIRD, 77, 1000, CTL_VERSION);
	request = peers.dispatched;
	CHECK_OR_RETURN(request);
	CHECK_EQ(request->from, THIRD);
	CHECK_EQ(request->uid, 1000);
	CHECK_EQ(request->gid, 7);
	CHECK_EQ(request->user.group_count, 1);
	CHECK_EQ(request->user.group[0], 55);
	CHECK_EQ(request->head.call, CTL_PS);
	request_row(request, "row", 3);
	CHECK_EQ(peers_last(0)->to, THIRD);
	CHECK_EQ(peers_last(0)->kind, NODE_MESSAGE_PACKET);
	CHECK_EQ(peers_last(0)->wire.id, 77);
	CHECK_EQ(peers_last(0)->reply.packet, CTL_ROW);
	CHECK(!memcmp(peers_last(0)->body, "row", 3));
	/* Its task has moved on: the asker's node asks the next owner. */
	forward_follow(request, FAR);
	CHECK_EQ(peers_last(0)->to, THIRD);
	CHECK_EQ(peers_last(0)->reply.packet, CTL_END);
	CHECK_EQ(peers_last(0)->reply.error, EDVSMIGRATE);
	CHECK_EQ(peers_last(0)->reply.value, FAR);
	CHECK_EQ(peers.count, 2);
	CHECK(!peers.requests.shares);
}

static void test_another_protocol_is_refused(void)
{
	peers_begin();
	hear(THIRD, 77, 1000, CTL_VERSION + 1);
	CHECK(!peers.dispatched);
	CHECK_EQ(peers_last(0)->wire.id, 77);
	CHECK_EQ(peers_last(0)->reply.error, EDVSVERSION);
	CHECK(!peers.requests.shares); /* it is not counted any more */
}

/* One user has a part of the requests that other nodes pass on; root has no limit, and another user has a part too. */
static void test_a_user_has_a_share(void)
{
	static struct request *kept[1024];
	unsigned most = share_most(SHARE_REQUESTS), count = 0;

	peers_begin();
	CHECK_OR_RETURN(most + 3 < 1024);
	while (count < most) {
		hear(FAR, count, 1000, CTL_VERSION);
		CHECK_OR_RETURN(peers.dispatched);
		kept[count++] = peers.dispatched;
	}
	CHECK_EQ(peers.count, 0);
	hear(THIRD, 9999, 1000, CTL_VERSION);
	CHECK(!peers.dispatched);
	CHECK_EQ(peers_last(0)->to, THIRD);
	CHECK_EQ(peers_last(0)->wire.id, 9999);
	CHECK_EQ(peers_last(0)->reply.error, EDVSUSERFULL);
	for (uint32_t uid = 0; uid <= 1001; uid += 1001) {
		hear(FAR, 1, uid, CTL_VERSION);
		CHECK_OR_RETURN(peers.dispatched);
		kept[count++] = peers.dispatched;
	}
	request_end(kept[0], 0, NULL, 0, NULL, 0);
	hear(FAR, 1, 1000, CTL_VERSION); /* there is room again */
	CHECK_OR_RETURN(peers.dispatched);
	kept[0] = peers.dispatched;
	while (count)
		request_end(kept[--count], 0, NULL, 0, NULL, 0);
	CHECK(!peers.requests.shares);
}

static void test_another_node_gives_up(void)
{
	struct peers_wire wire = { .id = 55 };

	peers_begin();
	forward_on_message(&peers.requests, THIRD, NODE_MESSAGE_CANCEL, (const uint8_t *)&wire,
			   sizeof(wire) - 1);
	CHECK_EQ(peers.cancel_from, -1);
	peers_say(THIRD, NODE_MESSAGE_CANCEL, &wire, NULL, 0, NULL, 0);
	CHECK_EQ(peers.cancel_from, THIRD);
	CHECK_EQ(peers.cancel_id, 55);
}

int main(void)
{
	TEST(test_the_whole_request_is_passed_on);
	TEST(test_answers_that_do_not_count);
	TEST(test_two_questions);
	TEST(test_out_of_reach);
	TEST(test_the_link_breaks);
	TEST(test_the_other_daemon_restarts);
	TEST(test_the_node_leaves);
	TEST(test_cancelled);
	TEST(test_followed_to_the_next_owner);
	TEST(test_asked_by_another_node);
	TEST(test_another_protocol_is_refused);
	TEST(test_a_user_that_is_cut_off);
	TEST(test_a_user_has_a_share);
	TEST(test_another_node_gives_up);
	return test_end();
}
