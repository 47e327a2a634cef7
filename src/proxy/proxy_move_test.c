/* SPDX-License-Identifier: Apache-2.0 */

/* Endpoints that move, come and are held, with messages under way and nodes behind in the order. */

#include "base/test.h"

#include "proxy/proxy_fixture.h"

/* The image of one line that a migration carries from the source's page to the target's. */
static void carry(int source, int target, int from, int to, int target_has_receiver)
{
	struct line_image image;

	line_snapshot(line_at(source, from, to), &image);
	line_merge(line_at(target, from, to), &image, target_has_receiver);
}

/*
 * 7 moves from node 1 to node 2 with 3's message to it untaken and one of its own under way. The
 * order reaches the nodes one after the other, in the sequence given.
 */
static void move_with(const int order[NODES])
{
	struct line_image image;

	set_up();
	place(3, 0);
	place(7, 1);
	post(0, 3, 7, LINE_OP_SEND, 21, 0);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	place(7, PROXY_HELD);
	CHECK_EQ(exchange_hold(node[1].exchange, DC, 7), 0);
	CHECK_EQ(state_at(1, 3, 7), LINE_SENT);
	/* Its own message, posted just before it was held and told to nobody. */
	line_post(line_at(1, 7, 3), LINE_OP_SEND, &(message){ .m_type = 22 }, 0);
	carry(1, 2, 3, 7, true);
	carry(1, 2, 7, 3, false);
	for (int i = 0; i < NODES; i++) {
		int viewer = order[i];

		run_for(OS_MS_NS);
		place_seen_by(viewer, 7, 2);
		if (viewer == 2)
			exchange_unhold(node[2].exchange, DC, 7, 0);
		if (viewer == 1)
			exchange_channel_drop(node[1].exchange, channel_at(1, 3, 7));
		proxy_offer(node[viewer].proxy, DC, 7, 7);
	}
	CHECK(becomes(0, 7, 3, LINE_FULL));
	CHECK(take(2, 3, 7, &image));
	CHECK_EQ(image.msg.m_type, 21);
	CHECK(becomes(0, 3, 7, LINE_TAKEN));
	CHECK(take(0, 7, 3, &image));
	CHECK_EQ(image.msg.m_type, 22);
	CHECK(becomes(2, 7, 3, LINE_TAKEN));
	tear_down();
}

static void test_move(void)
{
	static const int orders[][NODES] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					     { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	for (unsigned i = 0; i < 6; i++)
		move_with(orders[i]);
}

/* While it is held nothing moves: neither what is new nor a withdrawal. Afterwards both are done. */
static void test_rollback(void)
{
	struct line_image image;
	uint64_t seq;

	set_up();
	place(3, 0);
	place(4, 0);
	place(5, 1);
	place(7, 1);
	seq = post(0, 3, 7, LINE_OP_SEND, 31, 0);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	place_seen_by(1, 7, PROXY_HELD);
	exchange_hold(node[1].exchange, DC, 7);
	/* Node 0 does not know yet: its frames come and are dropped. */
	ask_back(0, 3, 7, seq);
	post(0, 4, 7, LINE_OP_SEND, 32, 0);
	post(1, 5, 7, LINE_OP_SEND, 33, 0);
	CHECK(run_until(has_dropped, &(struct dropped){ .node = 1, .from = 0, .least = 2 }));
	CHECK_EQ(state_at(1, 3, 7), LINE_SENT);
	CHECK_EQ(state_at(1, 4, 7), LINE_FREE);
	place(7, 1);
	exchange_unhold(node[1].exchange, DC, 7, 0);
	for (int viewer = 0; viewer < NODES; viewer++)
		proxy_offer(node[viewer].proxy, DC, 7, 7);
	CHECK(becomes(0, 3, 7, LINE_WITHDRAWN));
	CHECK(becomes(1, 4, 7, LINE_FULL));
	CHECK(take(1, 4, 7, &image));
	CHECK_EQ(image.msg.m_type, 32);
	CHECK(take(1, 5, 7, &image));
	CHECK_EQ(image.msg.m_type, 33);
	tear_down();
}

/* Each of the two nodes is behind in the order for a while. */
static void test_early(void)
{
	struct line_image image;

	set_up();
	place(3, 0);
	place_seen_by(0, 7, 1);
	post(0, 3, 7, LINE_OP_SEND, 41, 0);
	CHECK(becomes(0, 3, 7, LINE_SENT));
	CHECK(run_until(has_dropped, &(struct dropped){ .node = 1, .from = 0, .least = 1 }));
	place(7, 1);
	proxy_offer_new(node[1].proxy, DC, 7, 7);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	CHECK(take(1, 3, 7, &image));

	place_seen_by(0, 8, 0);
	post(0, 8, 7, LINE_OP_SEND, 42, 0);
	CHECK(run_until(has_dropped, &(struct dropped){ .node = 1, .from = 0, .least = 2 }));
	CHECK_EQ(state_at(1, 8, 7), LINE_FREE);
	place(8, 0);
	proxy_offer_new(node[1].proxy, DC, 8, 8);
	CHECK(becomes(1, 8, 7, LINE_FULL));
	tear_down();
}

/*
 * A node that is behind by more than one life of an endpoint has dropped a line of the newest one. It hears of an older
 * life first and asks then; it must not have forgotten the line when it hears of the newest.
 */
static void test_early_by_lives(void)
{
	const int life = _ENDPOINT(1, 8), older = 8;

	set_up();
	place(7, 1);
	place_seen_by(0, 8, 0);
	node[0].generation[shm_index(8)] = 1;
	line_post(line_at(0, life, 7), LINE_OP_SEND, &(message){ .m_type = 43 }, 0);
	ring(0, 7, 8);
	CHECK(run_until(has_dropped, &(struct dropped){ .node = 1, .from = 0, .least = 1 }));
	place_seen_by(1, 8, 0);
	proxy_offer_new(node[1].proxy, DC, 8, older);
	run_for(5 * OS_MS_NS);
	node[1].generation[shm_index(8)] = 1;
	proxy_offer_new(node[1].proxy, DC, 8, life);
	CHECK(becomes(1, life, 7, LINE_FULL));
	tear_down();
}

/* For a new life a node asks the nodes of which it has dropped a frame, once, and no other node. */
static void test_nothing_dropped(void)
{
	struct proxy_link_stats before, after;

	set_up();
	place(3, 0);
	place(7, 1);
	for (int viewer = 0; viewer < NODES; viewer++) {
		proxy_link_stats(node[viewer].proxy, viewer ? 0 : 1, &before);
		proxy_offer_new(node[viewer].proxy, DC, 7, 7);
		proxy_link_stats(node[viewer].proxy, viewer ? 0 : 1, &after);
		CHECK_EQ(after.frames_sent, before.frames_sent);
	}
	place_seen_by(1, 7, NOWHERE);
	post(0, 3, 7, LINE_OP_SEND, 51, 0);
	CHECK(run_until(has_dropped, &(struct dropped){ .node = 1, .from = 0, .least = 1 }));
	place(7, 1);
	for (uint64_t asks = 1; asks <= 2; asks++) {
		proxy_link_stats(node[1].proxy, 0, &before);
		proxy_offer_new(node[1].proxy, DC, 7, 7);
		proxy_link_stats(node[1].proxy, 0, &after);
		CHECK_EQ(after.frames_sent, before.frames_sent + (asks == 1));
	}
	CHECK(becomes(1, 3, 7, LINE_FULL));
	tear_down();
}

int main(void)
{
	TEST(test_move);
	TEST(test_rollback);
	TEST(test_early);
	TEST(test_early_by_lives);
	TEST(test_nothing_dropped);
	return test_end();
}
