/* SPDX-License-Identifier: Apache-2.0 */

/* One question for all other nodes: which are asked, when the asker gets its answer, and which nodes are counted in. */

#include "node/ask/gather.h"

#include <errno.h>
#include <string.h>

#include "dvk.h"
#include "node/ask/peers_test.h"
#include "node/ask/reattach.h"
#include "os/clock.h"
#include "os/loop.h"

#define A    1
#define B    3
#define DOWN 2

static uint32_t gathered; /* at the end; all bits before */

static void done(struct request *parent)
{
	CHECK_EQ(gathered, UINT32_MAX); /* once */
	gathered = parent->gathered;
	request_end(parent, 0, NULL, 0, NULL, 0);
	if (peers.requests.loop)
		os_loop_stop(peers.requests.loop);
}

static void set_up(void)
{
	peers_begin();
	peers.order.directory.node[0].up = 1;
	peers.order.directory.node[A].up = peers.order.directory.node[B].up = 1;
	CHECK_EQ(os_loop_new(&peers.requests.loop, NULL), 0);
	gathered = UINT32_MAX;
}

static struct request *start(void)
{
	struct request *parent = peers_ask(CTL_PS);

	parent->uid = 1000;
	parent->gid = 1001;
	parent->head.dcid = 4;
	parent->head.endpoint = 17;
	gather_start(parent, CTL_LOGS, done);
	return parent;
}

/* Of the message that it was asked by. */
static uint64_t id_of(int node)
{
	for (unsigned i = 0; i < peers.count; i++)
		if (peers_last(i)->to == node)
			return peers_last(i)->wire.id;
	return 0;
}

static void tear_down(void)
{
	CHECK(!peers.requests.forwarded);
	os_loop_free(peers.requests.loop);
}

static void test_every_other_node_that_is_up_is_asked(void)
{
	set_up();
	start();
	CHECK_EQ(peers.count, 2);
	CHECK(id_of(A) && id_of(B) && !id_of(DOWN) && !id_of(0));
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(peers_last(i)->kind, NODE_MESSAGE_REQUEST);
		CHECK_EQ(peers_last(i)->user.uid, 1000);
		CHECK_EQ(peers_last(i)->user.gid, 1001);
		CHECK_EQ(peers_last(i)->request.call, CTL_LOGS);
		CHECK_EQ(peers_last(i)->request.cmd, 1);
		CHECK_EQ(peers_last(i)->request.dcid, 4);
		CHECK_EQ(peers_last(i)->request.endpoint, 17);
	}
	peers_reply(B, id_of(B), CTL_ROW, 0, 0, "of B");
	CHECK_EQ(peers.answer.rows, 1);
	CHECK(!memcmp(peers.answer.row, "of B", 4));
	peers_reply(B, id_of(B), CTL_END, 0, 0, "");
	CHECK_EQ(peers.answer.ends, 0);
	peers_reply(A, id_of(A), CTL_END, 0, 0, "");
	CHECK_EQ(peers.answer.ends, 1);
	CHECK_EQ(gathered, 1u << A | 1u << B);
	tear_down();
}

/* Its rows came, perhaps not all of them: it is not counted in, and the others are. */
static void test_a_node_that_refuses(void)
{
	set_up();
	start();
	peers_reply(A, id_of(A), CTL_ROW, 0, 0, "of A");
	peers_reply(A, id_of(A), CTL_END, 0, EDVSBUSY, "");
	peers_reply(B, id_of(B), CTL_END, 0, 0, "");
	CHECK_EQ(peers.answer.rows, 1);
	CHECK_EQ(peers.answer.error, 0);
	CHECK_EQ(gathered, 1u << B);
	tear_down();
}

static void test_a_link_that_breaks(void)
{
	set_up();
	start();
	forward_on_node_down(&peers.requests, A, false);
	CHECK_EQ(peers.answer.ends, 0);
	peers_reply(B, id_of(B), CTL_END, 0, 0, "");
	CHECK_EQ(gathered, 1u << B);
	tear_down();
}

static void test_nobody_to_ask(void)
{
	set_up();
	peers.order.directory.node[A].up = peers.order.directory.node[B].up = 0;
	start();
	CHECK_EQ(peers.answer.ends, 1);
	CHECK_EQ(gathered, 0);
	tear_down();
	/* All of them are out of reach: the first one's failure must not be the end. */
	set_up();
	peers.error = -ENOTCONN;
	start();
	CHECK_EQ(peers.losses, 2);
	CHECK_EQ(peers.answer.ends, 1);
	CHECK_EQ(gathered, 0);
	tear_down();
}

/* A node whose link is away for a moment is asked when the link is back: nothing stands in for its answer. */
static void test_a_link_that_comes_back(void)
{
	set_up();
	peers.requests.on_lost = reattach_keep;
	start();
	peers_reply(A, id_of(A), CTL_END, 0, 0, "");
	forward_on_node_down(&peers.requests, B, false);
	CHECK_EQ(peers.answer.ends, 0);
	CHECK_EQ(peers.requests.detached->head.node, B);
	reattach_on_link(&peers.requests, A);
	CHECK(!peers.dispatched);
	reattach_on_link(&peers.requests, B);
	CHECK(!peers.requests.detached);
	CHECK_EQ(peers.dispatched->head.node, B);
	forward_start(peers.dispatched, B);
	peers_reply(B, peers_last(0)->wire.id, CTL_ROW, 0, 0, "of B");
	peers_reply(B, peers_last(0)->wire.id, CTL_END, 0, 0, "");
	CHECK_EQ(peers.answer.rows, 1);
	CHECK_EQ(peers.answer.ends, 1);
	CHECK_EQ(gathered, 1u << A | 1u << B);
	tear_down();
}

/* Not for longer than for one that is silent. */
static void test_a_link_that_stays_away(void)
{
	set_up();
	peers.requests.on_lost = reattach_keep;
	peers.error = -ENOTCONN;
	start();
	CHECK_EQ(peers.answer.ends, 0);
	CHECK_EQ(os_loop_run(peers.requests.loop), 0);
	CHECK_EQ(peers.answer.ends, 1);
	CHECK_EQ(peers.answer.error, 0);
	CHECK_EQ(gathered, 0);
	reattach_on_left(&peers.requests, A);
	reattach_on_left(&peers.requests, B);
	CHECK(!peers.requests.detached);
	CHECK_EQ(peers.answer.ends, 1);
	tear_down();
}

/* The asker waits for half a second and no longer; the answers that come later go nowhere. */
static void test_a_node_that_is_silent(void)
{
	int64_t began = os_now_ns();

	set_up();
	start();
	peers_reply(A, id_of(A), CTL_END, 0, 0, "");
	CHECK_EQ(os_loop_run(peers.requests.loop), 0);
	CHECK(os_now_ns() - began >= 490 * OS_MS_NS);
	CHECK_EQ(peers.answer.ends, 1);
	CHECK_EQ(gathered, 1u << A);
	peers_reply(B, id_of(B), CTL_ROW, 0, 0, "late");
	peers_reply(B, id_of(B), CTL_DATA, 4, 0, "late");
	peers_reply(B, id_of(B), CTL_END, 0, 0, "");
	CHECK_EQ(peers.answer.rows, 0);
	CHECK_EQ(peers.answer.ends, 1);
	tear_down();
}

/* The place of each byte is counted from the beginning of the output, as the other node says, kept there or not. */
static void test_output_has_its_place(void)
{
	struct request *parent;

	set_up();
	parent = start();
	peers_reply(A, id_of(A), CTL_DATA, 1004, 0, "kept");
	CHECK_EQ(parent->data_sent, 1004);
	peers_reply(A, id_of(A), CTL_DATA, 1010, 0, "behind");
	CHECK_EQ(parent->data_sent, 1010);
	peers_reply(A, id_of(A), CTL_END, 0, 0, "");
	peers_reply(B, id_of(B), CTL_END, 0, 0, "");
	CHECK_EQ(peers.answer.ends, 1);
	tear_down();
}

int main(void)
{
	TEST(test_every_other_node_that_is_up_is_asked);
	TEST(test_a_node_that_refuses);
	TEST(test_a_link_that_breaks);
	TEST(test_nobody_to_ask);
	TEST(test_a_link_that_comes_back);
	TEST(test_a_link_that_stays_away);
	TEST(test_a_node_that_is_silent);
	TEST(test_output_has_its_place);
	return test_end();
}
