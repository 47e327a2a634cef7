/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which thread looks at the node bell: a thread that sleeps on it and the loop's thread, which takes over for a
 * while. The processes are threads here, the caller at node 0 and the server at node 1; neither is scanned for
 * by the fixture, so a ring that nobody hears ends the test.
 */

#include <pthread.h>
#include <sched.h>

#include "base/test.h"
#include "os/futex.h"

#include "proxy/proxy_fixture.h"

#define CALLS 400

struct party {
	pthread_t thread;
	struct exchange *exchange;
	struct exchange_bell *bell; /* of the other one */
	struct line *own, *peer;
	int nr, pause; /* it is quick except for every pause-th time */
	_Atomic int count;
};

struct bell_thread {
	pthread_t thread;
	struct node *node;
	_Atomic int stop;
	_Atomic int wakes;
};

static struct bell_thread bells[NODES];
static struct party caller, server;

/* As the daemon does it. */
static void *bell_main(void *ctx)
{
	struct bell_thread *b = ctx;
	struct node_bell *bell = exchange_node_bell(b->node->exchange);

	while (!atomic_load(&b->stop)) {
		uint32_t seq = atomic_load(&bell->seq);

		pthread_mutex_lock(&lock);
		proxy_scan(b->node->proxy);
		pthread_mutex_unlock(&lock);
		atomic_store(&bell->sleeping, 1);
		atomic_thread_fence(memory_order_seq_cst);
		if (atomic_load(&bell->seq) == seq)
			os_futex_wait(&bell->seq, seq, -1);
		atomic_store(&bell->sleeping, 0);
		atomic_fetch_add(&b->wakes, 1);
	}
	return NULL;
}

static void bells_stop(void)
{
	for (int id = 0; id < NODES; id++) {
		struct node_bell *bell = exchange_node_bell(node[id].exchange);

		atomic_store(&bells[id].stop, 1);
		atomic_fetch_add(&bell->seq, 1);
		os_futex_wake(&bell->seq, 1);
		pthread_join(bells[id].thread, NULL);
	}
}

static void say(struct party *p, enum line_op op, int type, uint64_t aux)
{
	line_post(p->own, op, &(message){ .m_type = type }, aux);
	exchange_ring(p->exchange, p->bell, p->nr);
}

static bool heard(struct party *p, struct line_image *image)
{
	int64_t until = os_now_ns() + WAIT_NS;

	while (!line_take(p->peer, image)) {
		if (os_now_ns() > until)
			return false;
		sched_yield();
	}
	return true;
}

static void *call_main(void *ctx)
{
	struct party *p = ctx;
	struct line_image image;

	for (int i = 1; i <= CALLS; i++) {
		say(p, LINE_OP_SENDREC, i, 0);
		if (!heard(p, &image) || image.msg.m_type != -i)
			break;
		line_close(p->own, line_word_seq(atomic_load(&p->own->word)), 0);
		atomic_store(&p->count, i);
	}
	os_loop_stop(loop);
	return NULL;
}

static void *serve_main(void *ctx)
{
	struct party *p = ctx;
	struct line_image image;

	for (int i = 1; i <= CALLS && heard(p, &image); i++) {
		int64_t until = os_now_ns() + OS_MS_NS / 2;

		/* Sometimes so late that nobody looks any more. */
		while (i % p->pause == 0 && os_now_ns() < until)
			sched_yield();
		say(p, LINE_OP_ANSWER, -image.msg.m_type, line_word_seq(image.word));
		line_answered(p->peer, line_word_seq(image.word));
		exchange_ring(p->exchange, p->bell, p->nr);
		atomic_store(&p->count, i);
	}
	return NULL;
}

static void party_start(struct party *p, int id, int nr, int peer_nr, void *(*fn)(void *))
{
	*p = (struct party){ .exchange = node[id].exchange, .nr = nr, .pause = 20 };
	CHECK_EQ(exchange_bell(p->exchange, DC, peer_nr, &p->bell), 0);
	p->own = line_at(id, nr, peer_nr);
	p->peer = line_at(id, peer_nr, nr);
	CHECK_EQ(pthread_create(&p->thread, NULL, fn, p), 0);
}

static void test_calls(void)
{
	set_up();
	place(3, 0);
	place(7, 1);
	scanning = false;
	for (int id = 0; id < NODES; id++) {
		bells[id].node = &node[id];
		CHECK_EQ(pthread_create(&bells[id].thread, NULL, bell_main, &bells[id]), 0);
	}
	party_start(&server, 1, 7, 3, serve_main);
	party_start(&caller, 0, 3, 7, call_main);
	run_for(30 * OS_SECOND_NS);
	pthread_join(caller.thread, NULL);
	pthread_join(server.thread, NULL);
	CHECK_EQ(atomic_load(&caller.count), CALLS);
	CHECK_EQ(atomic_load(&server.count), CALLS);
	/* Not more than one wake per party and call, and fewer where the loop's thread was quicker. */
	CHECK(atomic_load(&bells[1].wakes) <= CALLS + 20);
	bells_stop();
	scanning = true;
	tear_down();
}

static bool has_message(void *ctx)
{
	return ((const struct node *)ctx)->messages > 0;
}

/* Nobody answers a message of a daemon within microseconds: the loop's thread does not stay awake for it. */
static void test_message_of_a_daemon(void)
{
	set_up();
	place(3, 0);
	place(7, 1);
	CHECK_EQ(proxy_message(node[0].proxy, 1, 1, "word", 4, NULL, 0), 0);
	CHECK(run_until(has_message, &node[1]));
	CHECK_EQ(node[1].proxy->attention.ns, 0);
	post(0, 3, 7, LINE_OP_SEND, 1, 0);
	CHECK(becomes(1, 3, 7, LINE_FULL));
	CHECK(node[1].proxy->attention.ns > 0);
	tear_down();
}

int main(void)
{
	TEST(test_message_of_a_daemon);
	TEST(test_calls);
	return test_end();
}
