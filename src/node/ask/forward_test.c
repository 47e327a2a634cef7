/* SPDX-License-Identifier: Apache-2.0 */

/* Requests that go to another node, and come from one. No link is up: a message goes nowhere. */

#include "node/ask/forward.h"

#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/ask/share.h"
#include "node/state/message.h"
#include "node/state/order.h"
#include "os/lock.h"
#include "os/loop.h"
#include "proxy/alone_test.h"

#define OWN 2
#define FAR 4

/* The head of each message between the nodes. */
struct wire {
	uint64_t id;
	int32_t origin;
	uint32_t uid, gid, pad;
};

static pthread_mutex_t lock;
static struct os_loop *loop;
static struct order order;
static struct requests requests;
static struct ctl_counters counters;
static struct answer answer;
static struct request *dispatched, *lost;
static enum again_fate fate;
static bool is_kept;
static uint64_t cancelled_id;
static int cancelled_from;

static void dispatch(struct request *request)
{
	dispatched = request;
}

static void on_cancel(struct requests *ours, int from, uint64_t id)
{
	CHECK(ours == &requests);
	cancelled_from = from;
	cancelled_id = id;
}

static bool on_lost(struct request *request, enum again_fate its_fate)
{
	lost = request;
	fate = its_fate;
	return is_kept;
}

static void set_up(void)
{
	os_lock_init(&lock);
	CHECK_EQ(os_loop_new(&loop, &lock), 0);
	order = (struct order){ .self = OWN };
	requests = (struct requests){ .order = &order,
				      .loop = loop,
				      .dispatch = dispatch,
				      .on_cancel = on_cancel,
				      .on_lost = on_lost,
				      .counters = &counters };
	dispatched = lost = NULL;
	is_kept = false;
	os_lock_take(&lock);
	requests.proxy = alone_new(loop, OWN);
}

static void tear_down(void)
{
	requests.proxy = alone_free(requests.proxy);
	os_lock_release(&lock);
	loop = os_loop_free(loop);
}

/* One that node FAR has been asked, under this number. */
static struct request *asked(uint64_t id, int call)
{
	struct request *request = asker_request(&requests, call, &answer);

	request->to = FAR;
	request->forward_id = id;
	request->next_forwarded = requests.forwarded;
	requests.forwarded = request;
	return request;
}

static void test_no_link(void)
{
	struct request *request;

	set_up();
	forward_start(asker_request(&requests, CTL_SIGNAL, &answer), FAR);
	CHECK_EQ(answer.error, EDVSNOTCONN);
	CHECK_EQ(fate, AGAIN_UNSENT);
	is_kept = true;
	request = asker_request(&requests, CTL_SIGNAL, &answer);
	forward_start(request, FAR);
	CHECK(lost == request);
	CHECK_EQ(answer.ends, 0);
	CHECK_EQ(request->head.node, FAR);
	CHECK_EQ(counters.calls_forwarded, 0);
	request_end(request, 0, NULL, 0, NULL, 0);
	tear_down();
}

static void hear(uint16_t kind, uint64_t id, uint32_t uid, const void *bytes, uint32_t len)
{
	uint8_t message[4096];
	struct wire wire = { .id = id, .origin = FAR, .uid = uid, .gid = uid + 1 };

	memcpy(message, &wire, sizeof(wire));
	if (len)
		memcpy(message + sizeof(wire), bytes, len);
	forward_on_message(&requests, FAR, kind, message, sizeof(wire) + len);
}

static void test_a_request_of_another_node(void)
{
	struct ctl_request head = { .magic = CTL_MAGIC,
				    .version = CTL_VERSION,
				    .call = CTL_SIGNAL };

	set_up();
	hear(NODE_MESSAGE_REQUEST, 55, 1000, &head, sizeof(head));
	CHECK_OR_RETURN(dispatched);
	CHECK_EQ(dispatched->from, FAR);
	CHECK_EQ(dispatched->remote_id, 55);
	CHECK_EQ(dispatched->uid, 1000);
	CHECK_EQ(dispatched->gid, 1001);
	CHECK_EQ(dispatched->fd, -1);
	request_end(dispatched, 0, NULL, 0, NULL, 0);
	dispatched = NULL;
	head.version++;
	hear(NODE_MESSAGE_REQUEST, 56, 1000, &head, sizeof(head));
	CHECK(!dispatched);
	CHECK_EQ(counters.refusals[1].error, EDVSVERSION);
	head.version--;
	for (unsigned i = 0; i < share_most(SHARE_REQUESTS); i++)
		CHECK(share_take(&requests.shares, 1000, SHARE_REQUESTS));
	hear(NODE_MESSAGE_REQUEST, 57, 1000, &head, sizeof(head));
	CHECK(!dispatched);
	for (unsigned i = 0; i < share_most(SHARE_REQUESTS); i++)
		share_give(&requests.shares, 1000, SHARE_REQUESTS);
	forward_on_message(&requests, FAR, NODE_MESSAGE_REQUEST, (const uint8_t *)"short", 5);
	CHECK(!dispatched);
	tear_down();
}

static void test_a_cancel(void)
{
	set_up();
	hear(NODE_MESSAGE_CANCEL, 66, 0, NULL, 0);
	CHECK_EQ(cancelled_id, 66);
	CHECK_EQ(cancelled_from, FAR);
	tear_down();
}

static void hear_packet(uint64_t id, struct ctl_reply reply, uint32_t extra)
{
	uint8_t bytes[sizeof(reply) + 64] = { 0 };

	memcpy(bytes, &reply, sizeof(reply));
	hear(NODE_MESSAGE_PACKET, id, 0, bytes, sizeof(reply) + extra);
}

/* A packet that does not fit is nobody's answer. */
static void test_packets(void)
{
	struct request *request;

	set_up();
	request = asked(7, CTL_PS);
	hear_packet(8, (struct ctl_reply){ .packet = CTL_END }, 0);
	hear_packet(7, (struct ctl_reply){ .packet = CTL_END, .payload_bytes = 9 }, 8);
	hear(NODE_MESSAGE_PACKET, 7, 0, "short", 5);
	CHECK_EQ(answer.ends, 0);
	CHECK(!request->answered);
	hear_packet(7, (struct ctl_reply){ .packet = CTL_ROW, .payload_bytes = 8 }, 8);
	CHECK_EQ(answer.rows, 1);
	CHECK(request->answered);
	hear_packet(7, (struct ctl_reply){ .packet = CTL_DATA, .payload_bytes = 8, .value = 500 },
		    8);
	CHECK_EQ(request->data_sent, 500);
	/* A number that is no error, and descriptors that cannot come this way. */
	hear_packet(7, (struct ctl_reply){ .packet = CTL_END, .error = -99999, .fds = 3 }, 0);
	CHECK_EQ(answer.ends, 1);
	CHECK_EQ(answer.error, EDVSGENERIC);
	CHECK(!requests.forwarded);
	tear_down();
}

/* A follower goes after its process; here it comes to this very node. */
static void test_a_process_that_has_moved(void)
{
	struct request *request;

	set_up();
	request = asked(7, CTL_RUN);
	request->head.flags = CTL_FLAG_FOLLOW;
	request->data_sent = 500;
	hear_packet(7, (struct ctl_reply){ .packet = CTL_END, .error = EDVSMIGRATE, .value = OWN },
		    0);
	CHECK(dispatched == request);
	CHECK_EQ(request->head.call, CTL_LOGS);
	CHECK_EQ(request->head.bytes, 500);
	request_end(request, 0, NULL, 0, NULL, 0);
	asked(8, CTL_SIGNAL); /* it does not follow */
	hear_packet(8, (struct ctl_reply){ .packet = CTL_END, .error = EDVSMIGRATE }, 0);
	CHECK_EQ(answer.error, EDVSMIGRATE);
	tear_down();
}

/* Only its requests; and only one that has left has lost them for ever. */
static void test_a_node_goes(void)
{
	struct request *request, *other;

	set_up();
	other = asked(6, CTL_PS);
	other->to = FAR + 1;
	request = asked(7, CTL_PS);
	is_kept = true;
	forward_on_node_down(&requests, FAR, false);
	CHECK(lost == request);
	CHECK_EQ(fate, AGAIN_UNKNOWN);
	CHECK(requests.forwarded == other);
	request_end(request, 0, NULL, 0, NULL, 0);
	request = asked(8, CTL_PS);
	requests.restarting = 1u << FAR | 1u << 9;
	forward_on_node_down(&requests, FAR, false);
	CHECK_EQ(fate, AGAIN_UNTOUCHED);
	CHECK_EQ(requests.restarting, 1u << 9);
	request_end(request, 0, NULL, 0, NULL, 0);
	asked(9, CTL_PS);
	lost = NULL;
	forward_on_node_down(&requests, FAR, true);
	CHECK(!lost);
	CHECK_EQ(answer.error, EDVSNOTCONN);
	CHECK(strstr(answer.sentence, "left the cluster"));
	is_kept = false;
	asked(10, CTL_PS);
	forward_on_node_down(&requests, FAR, false);
	CHECK_EQ(answer.error, EDVSNOTCONN);
	CHECK(strstr(answer.sentence, "broke"));
	forward_on_node_down(&requests, FAR + 1, true);
	CHECK(!requests.forwarded);
	tear_down();
}

int main(void)
{
	TEST(test_no_link);
	TEST(test_a_request_of_another_node);
	TEST(test_a_cancel);
	TEST(test_packets);
	TEST(test_a_process_that_has_moved);
	TEST(test_a_node_goes);
	return test_end();
}
