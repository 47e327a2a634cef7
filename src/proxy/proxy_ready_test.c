/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The connection for the next move: made before it is wanted, used once, and given up with the link
 * or the key that it was made for.
 */

#include <pthread.h>

#include "base/test.h"

#include "proxy/proxy_fixture.h"

struct connecting {
	pthread_t thread;
	struct proxy_call call;
	struct secure *secure;
	int r;
};

static struct connecting it;

static struct peer *there(void)
{
	return &node[0].proxy->peer[1];
}

static bool is_ready(void *ctx)
{
	(void)ctx;
	return there()->ready;
}

static bool is_proven(void *ctx)
{
	(void)ctx;
	return gate_unproven(node[1].proxy->gate) == 0;
}

static void make_ready(void)
{
	proxy_make_ready(node[0].proxy, 1);
	CHECK(run_until(is_ready, NULL));
	CHECK(run_until(is_proven, NULL)); /* the last words of the handshake are ours */
	CHECK_EQ(node[1].bulk_from, 0);
	CHECK(!node[1].bulk); /* nobody hears of it before its HELLO */
}

static void *connect_now(void *ctx)
{
	(void)ctx;
	it.r = proxy_call_connect(&it.call, 2000, &it.secure);
	return NULL;
}

static bool bulk_there(void *ctx)
{
	return ((struct node *)ctx)->bulk;
}

/* A move calls node 1. Whether it took the connection that was ready. */
static bool call_uses_ready(void)
{
	int fd;
	bool used;

	it = (struct connecting){ .r = 1 };
	CHECK_EQ(proxy_call_prepare(node[0].proxy, 1, FRAME_KIND_BULK, &it.call), 0);
	CHECK(!there()->ready);
	fd = secure_fd(it.call.ready);
	CHECK_EQ(pthread_create(&it.thread, NULL, connect_now, NULL), 0);
	CHECK(run_until(bulk_there, &node[1]));
	pthread_join(it.thread, NULL);
	CHECK_EQ(it.r, 0);
	CHECK(!it.call.ready);
	used = fd >= 0 && secure_fd(it.secure) == fd;
	it.secure = secure_free(it.secure);
	node[1].bulk = secure_free(node[1].bulk);
	return used;
}

static void test_used_once(void)
{
	set_up();
	CHECK(!call_uses_ready());
	make_ready();
	proxy_make_ready(node[0].proxy, 1); /* there is one */
	CHECK(!there()->readying_ns);
	CHECK(call_uses_ready());
	CHECK(!call_uses_ready());
	/* A lane takes none. */
	make_ready();
	CHECK_EQ(proxy_call_prepare(node[0].proxy, 1, FRAME_KIND_COPY, &it.call), 0);
	CHECK(!it.call.ready);
	CHECK(there()->ready);
	tear_down();
}

static bool is_given_up(void *ctx)
{
	(void)ctx;
	return !there()->ready;
}

/* It ends with time, with its key, and with the link. */
static void test_given_up(void)
{
	struct keyring other = { .count = 1, .key[0].id = 2 };

	set_up();
	make_ready();
	there()->ready_ns -= PROXY_READY_NS;
	CHECK(run_until(is_given_up, NULL));
	CHECK(all_up(NULL));
	make_ready();
	proxy_node_down(node[0].proxy, 1);
	CHECK(!there()->ready);
	proxy_make_ready(node[0].proxy, 1);
	CHECK(!there()->readying_ns);
	up(0, 1, 1);
	CHECK(run_until(all_up, NULL));
	make_ready();
	CHECK(secure_keys_change(keys, &other) > 0);
	CHECK(run_until(is_given_up, NULL));
	CHECK(run_until(all_up, NULL));
	CHECK(!call_uses_ready());
	tear_down();
}

/* The other side gave it up first, or both do at one time: the call makes another one. */
static void test_ended_there(void)
{
	for (int late = 0; late < 2; late++) {
		set_up();
		make_ready();
		if (late) {
			CHECK_EQ(proxy_call_prepare(node[0].proxy, 1, FRAME_KIND_BULK, &it.call),
				 0);
			CHECK(it.call.ready);
			os_shutdown(secure_fd(it.call.ready));
			CHECK_EQ(pthread_create(&it.thread, NULL, connect_now, NULL), 0);
			CHECK(run_until(bulk_there, &node[1]));
			pthread_join(it.thread, NULL);
			CHECK_EQ(it.r, 0);
			it.secure = secure_free(it.secure);
		} else {
			os_shutdown(secure_fd(there()->ready));
			CHECK(!call_uses_ready());
		}
		tear_down();
	}
}

/* One that comes when its link has ended is of no use. */
static void test_late(void)
{
	set_up();
	proxy_make_ready(node[0].proxy, 1);
	CHECK(there()->readying_ns);
	proxy_node_down(node[0].proxy, 1);
	run_for(50 * OS_MS_NS);
	CHECK(!there()->ready);
	CHECK(!there()->readying_ns);
	tear_down();
}

int main(void)
{
	TEST(test_used_once);
	TEST(test_given_up);
	TEST(test_ended_there);
	TEST(test_late);
	return test_end();
}
