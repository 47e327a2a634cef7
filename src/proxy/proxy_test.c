/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Three nodes in one process, over loopback, on one loop. The order is played by a table per node
 * that says where each endpoint is, the processes by operating on the lines of their node's pages,
 * the bell threads by scanning on every tick.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "base/test.h"
#include "os/clock.h"
#include "os/memfd.h"
#include "os/socket.h"
#include "os/tcp.h"
#include "proxy/proxy_table.h"

#define NODES	3
#define PORT	17652
#define DC	1
#define NOWHERE PROXY_GONE
#define WAIT_NS (5 * OS_SECOND_NS)
#define TICK_US 200

struct node {
	int id;
	struct exchange *exchange;
	struct proxy *proxy;
	int where[SHM_SLOTS]; /* node, PROXY_HELD or NOWHERE */
	int ups, downs, messages, bulk_fd;
	uint16_t kinds[64];
	uint32_t bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct os_loop *loop;
static struct node node[NODES];
static bool (*until)(void *ctx);
static void *until_ctx;
static int64_t until_ns;
static bool reached;
static struct os_source *ticker;

static int on_locate(void *ctx, int dcid, int endpoint)
{
	const struct node *n = ctx;
	int where = n->where[shm_index(_ENDPOINT_P(endpoint))];

	if (dcid != DC || _ENDPOINT_G(endpoint) != 0)
		return PROXY_GONE;
	return where == n->id ? PROXY_HERE : where;
}

static void on_message(void *ctx, int from, uint16_t kind, const uint8_t *bytes, uint32_t len)
{
	struct node *n = ctx;

	(void)from;
	(void)bytes;
	n->kinds[n->messages++ % 64] = kind;
	n->bytes += len;
}

static void on_link(void *ctx, int peer, int up)
{
	struct node *n = ctx;

	(void)peer;
	if (up)
		n->ups++;
	else
		n->downs++;
}

static void on_bulk(void *ctx, int from, int fd)
{
	struct node *n = ctx;

	(void)from;
	n->bulk_fd = fd;
}

static void on_tick(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < NODES; i++)
		proxy_scan(node[i].proxy);
	reached = until && until(until_ctx);
	if (reached || os_now_ns() > until_ns)
		os_loop_stop(loop);
	os_timer_set(ticker, TICK_US);
}

static bool run_until(bool (*condition)(void *ctx), void *ctx)
{
	until = condition;
	until_ctx = ctx;
	until_ns = os_now_ns() + WAIT_NS;
	reached = false;
	os_loop_run(loop);
	return reached;
}

static void run_for(int64_t ns)
{
	until = NULL;
	until_ns = os_now_ns() + ns;
	os_loop_run(loop);
}

static uint32_t address_of(int id)
{
	return htonl(0x7f000101u + (uint32_t)id);
}

static bool all_up(void *ctx)
{
	(void)ctx;
	for (int a = 0; a < NODES; a++) {
		for (int b = 0; b < NODES; b++) {
			if (a != b && !peer_is_up(&node[a].proxy->peer[b]))
				return false;
		}
	}
	return true;
}

static void node_start(int id)
{
	struct node *n = &node[id];
	struct proxy_callbacks callbacks = { .locate = on_locate,
					     .message = on_message,
					     .link_changed = on_link,
					     .bulk = on_bulk,
					     .ctx = n };

	*n = (struct node){ .id = id, .bulk_fd = -1 };
	for (int i = 0; i < SHM_SLOTS; i++)
		n->where[i] = NOWHERE;
	CHECK_EQ(exchange_new(&n->exchange, id), 0);
	CHECK_EQ(proxy_new(&n->proxy, loop, n->exchange, id, address_of(id), PORT, &callbacks), 0);
}

static void set_up(void)
{
	CHECK_EQ(os_loop_new(&loop, &lock), 0);
	CHECK_EQ(os_source_timer(loop, TICK_US, on_tick, NULL, &ticker), 0);
	for (int id = 0; id < NODES; id++)
		node_start(id);
	for (int a = 0; a < NODES; a++) {
		for (int b = 0; b < NODES; b++)
			proxy_node_up(node[a].proxy, b, address_of(b), 1);
	}
	CHECK(run_until(all_up, NULL));
}

static void tear_down(void)
{
	for (int id = 0; id < NODES; id++) {
		node[id].proxy = proxy_free(node[id].proxy);
		node[id].exchange = exchange_free(node[id].exchange);
	}
	ticker = os_source_free(ticker);
	loop = os_loop_free(loop);
}

/* The order, as one node sees it. */
static void place_seen_by(int viewer, int p_nr, int where)
{
	struct exchange_bell *bell;

	node[viewer].where[shm_index(p_nr)] = where;
	CHECK_EQ(exchange_bell(node[viewer].exchange, DC, p_nr, &bell), 0);
	if (where >= 0)
		exchange_bell_hold(bell, where == viewer ? BELL_PROCESS : BELL_DAEMON);
}

static void place(int p_nr, int where)
{
	for (int viewer = 0; viewer < NODES; viewer++)
		place_seen_by(viewer, p_nr, where);
}

static struct exchange_channel *channel_at(int id, int a, int b)
{
	struct exchange_channel *channel = NULL;

	CHECK_EQ(exchange_channel(node[id].exchange, DC, a, b, &channel), 0);
	return channel;
}

static struct line *line_at(int id, int from, int to)
{
	return &channel_at(id, from, to)->page->line[shm_side(from, to)];
}

static enum line_state state_at(int id, int from, int to)
{
	return line_word_state(atomic_load(&line_at(id, from, to)->word));
}

static int result_at(int id, int from, int to)
{
	return line_word_result(atomic_load(&line_at(id, from, to)->word));
}

static void ring(int id, int whose, int from)
{
	struct exchange_bell *bell;

	CHECK_EQ(exchange_bell(node[id].exchange, DC, whose, &bell), 0);
	exchange_ring(node[id].exchange, bell, from);
}

static uint64_t post(int id, int from, int to, enum line_op op, int type, uint64_t aux)
{
	message m = { .m_source = from, .m_type = type };
	uint64_t seq = line_post(line_at(id, from, to), op, &m, aux);

	ring(id, to, from);
	return seq;
}

static bool take(int id, int from, int to, struct line_image *image)
{
	if (!line_take(line_at(id, from, to), image))
		return false;
	ring(id, from, to);
	return true;
}

static void ask_back(int id, int from, int to, uint64_t seq)
{
	atomic_store(&channel_at(id, from, to)->page->withdraw[shm_side(from, to)], seq);
	ring(id, to, from);
}

struct wish {
	int id, from, to;
	enum line_state state;
};

static bool wish_granted(void *ctx)
{
	const struct wish *w = ctx;

	return state_at(w->id, w->from, w->to) == w->state;
}

static bool becomes(int id, int from, int to, enum line_state state)
{
	struct wish wish = { id, from, to, state };

	return run_until(wish_granted, &wish);
}

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

static void cut(int a, int b)
{
	if (node[a].proxy->peer[b].fd >= 0)
		os_tcp_shutdown(node[a].proxy->peer[b].fd);
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

/* Whatever wins, both replicas say the same, and the message is taken once or never. */
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

/* What a migration carries of one line, from the source's page to the target's. */
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
	run_for(10 * OS_MS_NS);
	CHECK_EQ(state_at(1, 3, 7), LINE_SENT);
	CHECK_EQ(state_at(1, 4, 7), LINE_FREE);
	CHECK(node[1].proxy->peer[0].stats.dropped >= 2);
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
	run_for(5 * OS_MS_NS);
	CHECK_EQ(state_at(0, 3, 7), LINE_SENT);
	place(7, 1);
	proxy_offer(node[1].proxy, DC, 7, 7);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	CHECK(take(1, 3, 7, &image));

	place_seen_by(0, 8, 0);
	post(0, 8, 7, LINE_OP_SEND, 42, 0);
	run_for(5 * OS_MS_NS);
	CHECK_EQ(state_at(1, 8, 7), LINE_FREE);
	place(8, 0);
	proxy_endpoint_here(node[1].proxy, DC, 8, 8);
	CHECK(becomes(1, 8, 7, LINE_FULL));
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

/* What does not fit now is sent in its last state later, not in every state it had. */
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

struct connecting {
	pthread_t thread;
	int fd;
};

static void *connect_bulk(void *ctx)
{
	struct connecting *c = ctx;

	c->fd = proxy_bulk_connect(address_of(1), PORT, 0, 2000);
	if (c->fd >= 0)
		os_write_full(c->fd, "behind", 6, 1000);
	return NULL;
}

static bool bulk_there(void *ctx)
{
	return ((struct node *)ctx)->bulk_fd >= 0;
}

static void test_bulk(void)
{
	struct connecting c = { .fd = -1 };
	char buf[6];

	set_up();
	CHECK_EQ(pthread_create(&c.thread, NULL, connect_bulk, &c), 0);
	CHECK(run_until(bulk_there, &node[1]));
	pthread_join(c.thread, NULL);
	CHECK_EQ(os_read_full(node[1].bulk_fd, buf, sizeof(buf), 1000), 0);
	CHECK(!memcmp(buf, "behind", 6));
	os_close(c.fd);
	os_close(node[1].bulk_fd);
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
	proxy_node_up(node[1].proxy, 0, address_of(0), 2);
	CHECK(run_until(zero_down, NULL));
	run_for(50 * OS_MS_NS);
	CHECK(zero_down(NULL));
	proxy_node_up(node[0].proxy, 0, address_of(0), 2);
	proxy_node_up(node[2].proxy, 0, address_of(0), 2);
	CHECK(run_until(all_up, NULL));
	proxy_node_down(node[0].proxy, 1);
	CHECK(run_until(zero_down, NULL));
	CHECK_EQ(proxy_message(node[0].proxy, 1, 1, NULL, 0, NULL, 0), -ENOTCONN);
	tear_down();
}

/* Strangers on our port: nothing of theirs is believed, and they do not stay. */
static void test_strangers(void)
{
	static const char noise[] =
		"GET / HTTP/1.1\r\nHost: somewhere\r\nAccept: everything and more "
		"of it than a greeting has bytes\r\n\r\n";
	int fd, epoch;
	char c;

	set_up();
	epoch = (int)node[1].proxy->peer[0].link.epoch;
	fd = os_tcp_connect(address_of(1), PORT, 1000);
	CHECK_OR_RETURN(fd >= 0);
	CHECK_EQ(os_tcp_write(fd, noise, sizeof(noise)), sizeof(noise));
	run_for(20 * OS_MS_NS);
	CHECK(os_read_full(fd, &c, 1, 1000) < 0);
	CHECK_EQ(node[1].proxy->greeting_count, 0);
	CHECK_EQ(node[1].proxy->peer[0].link.epoch, epoch);
	os_close(fd);
	tear_down();
}

int main(void)
{
	TEST(test_request_and_answer);
	TEST(test_idle_is_silent);
	TEST(test_broken_connections);
	TEST(test_withdraw);
	TEST(test_withdraw_against_take);
	TEST(test_move);
	TEST(test_rollback);
	TEST(test_early);
	TEST(test_gone);
	TEST(test_notify);
	TEST(test_messages);
	TEST(test_backlog);
	TEST(test_bulk);
	TEST(test_lives);
	TEST(test_strangers);
	return test_end();
}
