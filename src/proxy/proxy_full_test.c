/* SPDX-License-Identifier: Apache-2.0 */

/* Much at once: many lines in one write, a receiver that does not take, links full in both directions. */

#include "base/test.h"

#include "proxy/proxy_fixture.h"

#define PAIRS 60 /* endpoints 0 to 59 here, 100 to 159 there */
#define FAR   100
#define LARGE 60

static uint8_t large[PROXY_MESSAGE_MAX];

static void place_pairs(void)
{
	for (int i = 0; i < PAIRS; i++) {
		place(i, 0);
		place(FAR + i, 1);
	}
}

static bool all_there(void *ctx)
{
	const bool *back = ctx;

	for (int i = 0; i < PAIRS; i++) {
		if (state_at(1, i, FAR + i) != LINE_FULL ||
		    (*back && state_at(0, FAR + i, i) != LINE_FULL))
			return false;
	}
	return true;
}

/*
 * Lines that rang meanwhile leave in one write and are read in few; a line that rings alone leaves at once,
 * alone.
 */
static void test_batches(void)
{
	struct proxy_link_stats start, one, many, far;
	bool back = false;

	set_up();
	place_pairs();
	scanning = false;
	proxy_link_stats(node[0].proxy, 1, &start);
	post(0, 1, FAR, LINE_OP_SEND, 1, 0);
	proxy_scan(node[0].proxy);
	proxy_link_stats(node[0].proxy, 1, &one);
	CHECK_EQ(one.frames_sent - start.frames_sent, 1);
	CHECK_EQ(one.writes - start.writes, 1);
	proxy_link_stats(node[1].proxy, 0, &start);
	for (int i = 0; i < PAIRS; i++)
		post(0, i, FAR + i, LINE_OP_SEND, i, 0);
	proxy_scan(node[0].proxy);
	proxy_link_stats(node[0].proxy, 1, &many);
	CHECK_EQ(many.frames_sent - one.frames_sent, PAIRS);
	CHECK_EQ(many.writes - one.writes, 1);
	scanning = true;
	CHECK(run_until(all_there, &back));
	proxy_link_stats(node[1].proxy, 0, &far);
	CHECK(far.reads - start.reads < PAIRS / 4);
	tear_down();
}

/* One receiver that takes nothing holds a line, and nothing that others need. */
static void test_slow_receiver(void)
{
	struct proxy_link_stats before, after;
	struct line_image image;

	set_up();
	place(3, 0);
	place(7, 1);
	place(8, 1);
	post(0, 3, 7, LINE_OP_SEND, 1, 0);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	CHECK(!line_word_is_free(atomic_load(&line_at(0, 3, 7)->word)));
	proxy_link_stats(node[0].proxy, 1, &before);
	for (int i = 0; i < 100; i++) {
		post(0, 3, 8, LINE_OP_SEND, i, 0);
		CHECK(becomes(1, 3, 8, LINE_FULL));
		CHECK(take(1, 3, 8, &image));
		CHECK_EQ(image.msg.m_type, i);
		CHECK(becomes(0, 3, 8, LINE_TAKEN));
		/* A process that waits for the slow one rings on; it is said once. */
		ring(0, 7, 3);
	}
	proxy_link_stats(node[0].proxy, 1, &after);
	CHECK(after.frames_sent - before.frames_sent <= 200);
	CHECK_EQ(state_at(1, 3, 7), LINE_FULL);
	tear_down();
}

static bool all_messages(void *ctx)
{
	(void)ctx;
	return node[0].messages == LARGE && node[1].messages == LARGE;
}

/* Both sides have more to send than sockets hold, and neither waits for the other. */
static void test_full_both_ways(void)
{
	bool back = true;

	set_up();
	place_pairs();
	for (uint16_t i = 0; i < LARGE; i++)
		for (int n = 0; n < 2; n++)
			CHECK_EQ(proxy_message(node[n].proxy, 1 - n, PROXY_LANE_BULK | i, large,
					       sizeof(large), NULL, 0),
				 0);
	for (int i = 0; i < PAIRS; i++) {
		post(0, i, FAR + i, LINE_OP_SEND, i, 0);
		post(1, FAR + i, i, LINE_OP_SEND, i, 0);
	}
	CHECK(run_until(all_there, &back));
	/* The lines did not wait for the frames that had been queued before them. */
	CHECK(node[0].messages < LARGE && node[1].messages < LARGE);
	CHECK(run_until(all_messages, NULL));
	CHECK_EQ(node[0].bytes, LARGE * sizeof(large));
	CHECK_EQ(node[1].bytes, LARGE * sizeof(large));
	tear_down();
}

int main(void)
{
	TEST(test_batches);
	TEST(test_slow_receiver);
	TEST(test_full_both_ways);
	return test_end();
}
