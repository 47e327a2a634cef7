/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "base/test.h"
#include "os/memfd.h"
#include "os/socket.h"
#include "os/tcp.h"

#include "proxy/proxy_fixture.h"

static void test_request_and_answer(void)
{
	struct line_image image;
	uint64_t seq;

	set_up();
	place(3, 0);
	place(7, 1);
	seq = post(0, 3, 7, LINE_OP_SENDREC, 11, 0);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	CHECK_EQ(state_at(0, 3, 7), LINE_SENT);
	CHECK(take(1, 3, 7, &image));
	CHECK_EQ(image.msg.m_type, 11);
	CHECK(becomes(0, 3, 7, LINE_TAKEN));
	post(1, 7, 3, LINE_OP_ANSWER, 12, seq);
	CHECK(line_answered(line_at(1, 3, 7), seq));
	ring(1, 3, 7);
	CHECK(becomes(0, 7, 3, LINE_FULL));
	CHECK_EQ(state_at(0, 3, 7), LINE_DONE);
	CHECK(take(0, 7, 3, &image));
	CHECK_EQ(image.msg.m_type, 12);
	CHECK_EQ(image.aux, seq);
	CHECK(becomes(1, 7, 3, LINE_TAKEN));
	CHECK_EQ(channel_at(0, 3, 7)->page->node[1], 1);
	tear_down();
}

/* Nothing is told twice: an idle pair sends no frame at all. */
static void test_idle_is_silent(void)
{
	struct proxy_link_stats before, after;
	struct line_image image;

	set_up();
	place(3, 0);
	place(7, 1);
	post(0, 3, 7, LINE_OP_SEND, 1, 0);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	CHECK(take(1, 3, 7, &image));
	CHECK(becomes(0, 3, 7, LINE_TAKEN));
	proxy_link_stats(node[0].proxy, 1, &before);
	for (int i = 0; i < 5; i++) {
		ring(0, 7, 3);
		ring(1, 3, 7);
		run_for(OS_MS_NS);
	}
	proxy_link_stats(node[0].proxy, 1, &after);
	CHECK_EQ(before.frames_sent, after.frames_sent);
	CHECK_EQ(before.frames_received, after.frames_received);
	CHECK(before.frames_sent <= 3);
	tear_down();
}

static void call_once(int number)
{
	struct line_image image;
	uint64_t seq = post(0, 3, 7, LINE_OP_SENDREC, number, 0);

	CHECK(becomes(1, 3, 7, LINE_FULL));
	CHECK(take(1, 3, 7, &image));
	CHECK_EQ(image.msg.m_type, number);
	/* Free for the next answer: that the last one was taken came with this request. */
	CHECK(line_word_is_free(atomic_load(&line_at(1, 7, 3)->word)));
	post(1, 7, 3, LINE_OP_ANSWER, -number, seq);
	CHECK(line_answered(line_at(1, 3, 7), seq));
	ring(1, 3, 7);
	CHECK(becomes(0, 7, 3, LINE_FULL));
	CHECK(take(0, 7, 3, &image));
	CHECK_EQ(image.msg.m_type, -number);
}

/* News that nobody waits for goes with news that somebody waits for: two frames each way, in one write. */
static void test_frames_of_a_call(void)
{
	struct proxy_link_stats before, after;

	set_up();
	place(3, 0);
	place(7, 1);
	proxy_link_stats(node[0].proxy, 1, &before);
	for (int i = 1; i <= 50; i++)
		call_once(i);
	proxy_link_stats(node[0].proxy, 1, &after);
	CHECK(after.frames_sent - before.frames_sent <= 2 * 50 + 10);
	CHECK(after.frames_received - before.frames_received <= 2 * 50 + 10);
	CHECK(becomes(1, 7, 3, LINE_TAKEN));
	tear_down();
}

static void cut(int a, int b)
{
	if (node[a].proxy->peer[b].secure)
		os_tcp_shutdown(secure_fd(node[a].proxy->peer[b].secure));
}

/* A receiver that takes a request or an answer rings nobody; it becomes known nevertheless. */
static void test_silent_take(void)
{
	struct line_image image;
	uint64_t seq;

	set_up();
	place(3, 0);
	place(7, 1);
	seq = post(0, 3, 7, LINE_OP_SENDREC, 1, 0);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	run_for(30 * OS_MS_NS);
	CHECK(line_take(line_at(1, 3, 7), &image));
	CHECK(becomes(0, 3, 7, LINE_TAKEN));
	post(1, 7, 3, LINE_OP_ANSWER, 2, seq);
	CHECK(becomes(0, 7, 3, LINE_FULL));
	cut(0, 1);
	run_for(30 * OS_MS_NS);
	CHECK(line_take(line_at(0, 7, 3), &image));
	CHECK(becomes(1, 7, 3, LINE_TAKEN));
	tear_down();
}

struct stream {
	int sent, taken, wrong;
	struct prng prng;
};

/* 3 at node 0 sends numbers to 7 at node 1; now and then the connection breaks. */
static bool stream_step(void *ctx)
{
	struct stream *s = ctx;
	struct line_image image;

	if (s->sent < 300 && line_word_is_free(atomic_load(&line_at(0, 3, 7)->word)))
		post(0, 3, 7, LINE_OP_SEND, ++s->sent, 0);
	if (prng_chance(&s->prng, (struct prng_ratio){ 1, 2 }) && take(1, 3, 7, &image))
		s->wrong += image.msg.m_type != ++s->taken;
	if (prng_chance(&s->prng, (struct prng_ratio){ 1, 60 }))
		cut(prng_chance(&s->prng, (struct prng_ratio){ 1, 2 }), 1);
	return s->taken == 300 && line_word_is_free(atomic_load(&line_at(0, 3, 7)->word));
}

static void test_broken_connections(void)
{
	struct stream s = { 0 };

	set_up();
	prng_init(&s.prng, 4711);
	place(3, 0);
	place(7, 1);
	CHECK(run_until(stream_step, &s));
	CHECK_EQ(s.sent, 300);
	CHECK_EQ(s.wrong, 0);
	CHECK(node[0].downs > 0);
	CHECK(node[0].proxy->peer[1].link.epoch > 1);
	tear_down();
}

static void test_withdraw(void)
{
	struct line_image image;
	uint64_t seq;

	set_up();
	place(3, 0);
	place(7, 1);
	seq = post(0, 3, 7, LINE_OP_SEND, 1, 0);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	ask_back(0, 3, 7, seq);
	CHECK(becomes(0, 3, 7, LINE_WITHDRAWN));
	CHECK_EQ(state_at(1, 3, 7), LINE_WITHDRAWN);
	CHECK(!take(1, 3, 7, &image));
	/* Asked for when it is taken already. */
	seq = post(0, 3, 7, LINE_OP_SEND, 2, 0);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	ask_back(0, 3, 7, seq);
	CHECK(take(1, 3, 7, &image));
	CHECK(becomes(0, 3, 7, LINE_TAKEN));
	tear_down();
}

/* Either may win: both replicas say the same, and the message is taken once or never. */
static void test_withdraw_against_take(void)
{
	int taken = 0, withdrawn = 0;
	struct prng prng;

	set_up();
	prng_init(&prng, 5);
	place(3, 0);
	place(7, 1);
	for (int i = 0; i < 40; i++) {
		uint64_t seq = post(0, 3, 7, LINE_OP_SEND, i, 0);
		struct line_image image;
		bool got;

		run_for((int64_t)prng_below(&prng, 1000000));
		ask_back(0, 3, 7, seq);
		run_for((int64_t)prng_below(&prng, 1000000));
		got = take(1, 3, 7, &image);
		CHECK(becomes(0, 3, 7, got ? LINE_TAKEN : LINE_WITHDRAWN));
		taken += got;
		withdrawn += !got;
	}
	CHECK_EQ(taken + withdrawn, 40);
	tear_down();
}

static void test_gone(void)
{
	set_up();
	place(3, 0);
	place(7, 1);
	post(0, 3, 7, LINE_OP_SEND, 1, 0);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	node[0].where[shm_index(9)] = NOWHERE;
	post(0, 3, 9, LINE_OP_SEND, 2, 0);
	{
		struct channel_page *page = channel_at(0, 3, 9)->page;
		int fd = channel_at(0, 3, 9)->fd;
		void *again;

		CHECK_EQ(os_memfd_map(fd, SHM_PAGE_BYTES, 0, &again), 0);
		page = again;
		run_for(OS_MS_NS);
		CHECK(!exchange_find(node[0].exchange, DC, 3, 9));
		CHECK_EQ(line_word_result(atomic_load(&page->line[0].word)), EDVSDSTDIED);
		CHECK_EQ(atomic_load(&page->dead), 2);
		os_memfd_unmap(again, SHM_PAGE_BYTES);
	}
	CHECK_EQ(result_at(0, 3, 7), 0);
	tear_down();
}

static bool notified(void *ctx)
{
	(void)ctx;
	return atomic_load(&channel_at(1, 3, 7)->page->notify[0].posted) == 2;
}

static bool notice_taken(void *ctx)
{
	(void)ctx;
	return atomic_load(&channel_at(0, 3, 7)->page->notify[0].taken) == 2;
}

/* The far node is another DC ahead or behind: nothing of one is taken for the other's. */
static void test_dc_generations(void)
{
	struct line_image image;

	set_up();
	place(3, 0);
	place(7, 1);
	node[1].dc_generation = 1;
	post(0, 3, 7, LINE_OP_SEND, 5, 0);
	CHECK(run_until(has_dropped, &(struct dropped){ .node = 1, .from = 0, .least = 1 }));
	CHECK(!exchange_find(node[1].exchange, DC, 3, 7));
	/* It has caught up, and asks. */
	node[0].dc_generation = 1;
	proxy_offer(node[1].proxy, DC, 7, 7);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	CHECK(take(1, 3, 7, &image));
	CHECK_EQ(image.msg.m_type, 5);
	tear_down();
}

static void test_notify(void)
{
	struct notify_word *word;

	set_up();
	place(3, 0);
	place(7, 1);
	word = &channel_at(0, 3, 7)->page->notify[0];
	for (uint64_t i = 1; i <= 2; i++) {
		atomic_store(&word->bits, i);
		atomic_store(&word->nr, 3);
		atomic_store(&word->posted, i);
		ring(0, 7, 3);
		run_for(OS_MS_NS);
	}
	CHECK(run_until(notified, NULL));
	word = &channel_at(1, 3, 7)->page->notify[0];
	CHECK_EQ(atomic_load(&word->bits), 3);
	CHECK_EQ(atomic_load(&word->nr), 3);
	atomic_store(&word->taken, 2);
	ring(1, 3, 7);
	CHECK(run_until(notice_taken, NULL));
	tear_down();
}

static bool twelve_messages(void *ctx)
{
	return ((struct node *)ctx)->messages == 12;
}

/* Small ones pass large ones, each lane keeps its order, and more than the socket takes arrives. */
static void test_messages(void)
{
	uint8_t *large = calloc(1, PROXY_MESSAGE_MAX);
	struct proxy *proxy;
	int first_small = -1, last = -1;

	set_up();
	proxy = node[0].proxy;
	CHECK_EQ(proxy_message(proxy, 1, 1, large, PROXY_MESSAGE_MAX, large, 1), -EMSGSIZE);
	CHECK_EQ(proxy_message(proxy, 9, 1, large, 1, NULL, 0), -ENOTCONN);
	CHECK_EQ(proxy_message(proxy, 0, 1, large, 1, NULL, 0), -ENOTCONN);
	for (unsigned i = 0; i < 10; i++)
		CHECK_EQ(proxy_message(proxy, 1, (uint16_t)(PROXY_LANE_BULK | i), large, 4, large,
				       PROXY_MESSAGE_MAX - 4),
			 0);
	CHECK_EQ(proxy_message(proxy, 1, 100, "ab", 2, "c", 1), 0);
	CHECK_EQ(proxy_message(proxy, 1, 101, NULL, 0, NULL, 0), 0);
	CHECK(run_until(twelve_messages, &node[1]));
	CHECK_EQ(node[1].bytes, 10 * PROXY_MESSAGE_MAX + 3);
	for (int i = 0; i < 12; i++) {
		int kind = node[1].kinds[i];

		if (kind == 100)
			first_small = i;
		else if (kind == 101)
			CHECK_EQ(i, first_small + 1);
		else
			CHECK_EQ(kind & ~PROXY_LANE_BULK, ++last);
	}
	CHECK(first_small >= 0 && first_small < 10);
	tear_down();
	free(large);
}

/* A line that does not fit now is sent in its last state later, not in every state it had. */
static void test_backlog(void)
{
	static uint8_t filler[PROXY_BACKLOG_BYTES];
	struct proxy_link_stats before, after;
	struct line_image image;

	set_up();
	place(3, 0);
	place(7, 1);
	proxy_link_stats(node[0].proxy, 1, &before);
	proxy_batch_begin(node[0].proxy);
	CHECK_EQ(proxy_message(node[0].proxy, 1, 1, filler, sizeof(filler), NULL, 0), 0);
	for (int i = 0; i < 10; i++) {
		uint64_t seq = post(0, 3, 7, LINE_OP_SEND, i, 0);

		proxy_scan(node[0].proxy);
		CHECK_EQ(state_at(0, 3, 7), LINE_FULL);
		line_withdraw(line_at(0, 3, 7), seq);
	}
	post(0, 3, 7, LINE_OP_SEND, 77, 0);
	proxy_scan(node[0].proxy);
	proxy_batch_end(node[0].proxy);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	CHECK(take(1, 3, 7, &image));
	CHECK_EQ(image.msg.m_type, 77);
	proxy_link_stats(node[0].proxy, 1, &after);
	CHECK_EQ(after.frames_sent - before.frames_sent, 2);
	tear_down();
}

static bool zero_down(void *ctx)
{
	(void)ctx;
	return !peer_is_up(&node[0].proxy->peer[1]) && !peer_is_up(&node[1].proxy->peer[0]);
}

/* A node whose next life the other knows already is not talked to until it knows as well. */
static void test_lives(void)
{
	set_up();
	up(1, 0, 2);
	CHECK(run_until(zero_down, NULL));
	run_for(50 * OS_MS_NS);
	CHECK(zero_down(NULL));
	up(0, 0, 2);
	up(2, 0, 2);
	CHECK(run_until(all_up, NULL));
	proxy_node_down(node[0].proxy, 1);
	CHECK(run_until(zero_down, NULL));
	CHECK_EQ(proxy_message(node[0].proxy, 1, 1, NULL, 0, NULL, 0), -ENOTCONN);
	tear_down();
}

/* Nobody answers at the address that the order knows: the link comes about at another one of the node. */
static void test_ways(void)
{
	const struct address nobody = test_address(NODES), ways[] = { nobody, address_of(1) };
	const struct link_life life = life_of(1, 1);

	set_up();
	proxy_node_down(node[0].proxy, 1);
	CHECK(run_until(zero_down, NULL));
	proxy_node_ways(node[0].proxy, 1, ways, 2);
	proxy_node_up(node[0].proxy, 1, nobody, &life);
	CHECK(run_until(all_up, NULL));
	CHECK(address_same(peer_route(&node[0].proxy->peer[1]).to, address_of(1)));
	CHECK(!address_is_set(peer_route(&node[0].proxy->peer[1]).from));
	tear_down();
}

int main(void)
{
	TEST(test_request_and_answer);
	TEST(test_idle_is_silent);
	TEST(test_frames_of_a_call);
	TEST(test_silent_take);
	TEST(test_broken_connections);
	TEST(test_withdraw);
	TEST(test_withdraw_against_take);
	TEST(test_gone);
	TEST(test_dc_generations);
	TEST(test_notify);
	TEST(test_messages);
	TEST(test_backlog);
	TEST(test_lives);
	TEST(test_ways);
	return test_end();
}
