/* SPDX-License-Identifier: Apache-2.0 */

/* Connections made to a node's port: calls of nodes, which are let in, and strangers, which are not. */

#include <pthread.h>
#include <string.h>

#include "base/test.h"

#include "proxy/proxy_fixture.h"

struct connecting {
	pthread_t thread;
	struct proxy_call call;
	int fd;
};

static void *connect_bulk(void *ctx)
{
	struct connecting *c = ctx;

	c->fd = proxy_call_connect(&c->call, 2000);
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
	CHECK_EQ(proxy_call_prepare(node[0].proxy, 1, FRAME_KIND_BULK, &c.call), 0);
	CHECK_EQ(pthread_create(&c.thread, NULL, connect_bulk, &c), 0);
	CHECK(run_until(bulk_there, &node[1]));
	pthread_join(c.thread, NULL);
	CHECK_EQ(node[1].bulk_from, 0);
	CHECK_EQ(os_read_full(node[1].bulk_fd, buf, sizeof(buf), 1000), 0);
	CHECK(!memcmp(buf, "behind", 6));
	os_close(c.fd);
	os_close(node[1].bulk_fd);
	tear_down();
}

/* ---- strangers: from an address, with or without one of root's ports, with these first words ---- */

static uint32_t elsewhere(void)
{
	return test_address(NODES);
}

static int knock(uint32_t from, const void *words, size_t len)
{
	const struct os_tcp_route route = { .to = address_of(1), .port = PORT, .from = from };
	int fd = os_tcp_connect(&route, 1000);

	if (fd >= 0)
		os_tcp_write(fd, words, len);
	return fd;
}

static bool is_closed(int fd)
{
	char c;

	return os_read_full(fd, &c, 1, 1) != -ETIMEDOUT;
}

/* Whether node 1 believed nothing of it, and sent nothing but an end. */
static bool is_refused(uint32_t from, const void *words, size_t len)
{
	uint32_t epoch = node[1].proxy->peer[0].link.epoch;
	int fd = knock(from, words, len);
	bool refused;

	run_for(5 * OS_MS_NS);
	refused = fd < 0 || is_closed(fd);
	refused &= node[1].bulk_fd < 0 && node[1].proxy->greeting_count == 0;
	refused &= node[1].proxy->peer[0].link.epoch == epoch && all_up(NULL);
	os_close(fd);
	return refused;
}

static size_t encoded(const struct frame_hello *hello, uint8_t buf[128])
{
	return frame_encode_hello(buf, hello);
}

static void test_noise(void)
{
	static const char noise[] = "GET / HTTP/1.1\r\nHost: somewhere\r\nAccept: everything and "
				    "more of it than a greeting has bytes\r\n\r\n";

	set_up();
	CHECK(is_refused(0, noise, sizeof(noise)));
	CHECK(is_refused(address_of(0), noise, sizeof(noise)));
	tear_down();
}

/* For each kind of connection: one thing that is wrong is enough, and without it all is well. */
static void test_strangers(void)
{
	uint8_t buf[128];

	set_up();
	for (int kind = FRAME_KIND_LINK; kind <= FRAME_KIND_COPY; kind++) {
		struct frame_hello right, wrong;
		size_t len;

		link_call_hello(&node[0].proxy->peer[1].link, (enum frame_kind)kind, &right);
		len = encoded(&right, buf);
		CHECK(is_refused(0, buf, len));		    /* not one of root's ports */
		CHECK(is_refused(elsewhere(), buf, len));   /* nobody's address */
		CHECK(is_refused(address_of(1), buf, len)); /* from the node itself */
		CHECK(is_refused(address_of(2), buf, len)); /* from another node */
		wrong = right;
		wrong.secret ^= 1;
		CHECK(is_refused(address_of(0), buf, encoded(&wrong, buf)));
		wrong = right;
		wrong.incarnation = 0;
		CHECK(is_refused(address_of(0), buf, encoded(&wrong, buf)));
		wrong = right;
		wrong.incarnation++;
		CHECK(is_refused(address_of(0), buf, encoded(&wrong, buf)));
		wrong = right;
		wrong.peer_incarnation = 0;
		CHECK(is_refused(address_of(0), buf, encoded(&wrong, buf)));
		wrong = right;
		wrong.node = 2;
		CHECK(is_refused(address_of(0), buf, encoded(&wrong, buf)));
		wrong = right;
		wrong.node = 1;
		CHECK(is_refused(address_of(0), buf, encoded(&wrong, buf)));
		len = encoded(&right, buf);
		buf[20] ^= 0x10;
		CHECK(is_refused(address_of(0), buf, len));
	}
	tear_down();
}

/* A hundred connections that say nothing keep no node from being heard. */
static void test_silent_connections(void)
{
	struct connecting c = { .fd = -1 };
	int fd[100];

	set_up();
	for (int i = 0; i < 100; i++) {
		fd[i] = knock(i % 2 ? address_of(0) : 0, "", 0);
		if (i % 10 == 0)
			run_for(OS_MS_NS);
	}
	run_for(5 * OS_MS_NS);
	CHECK(node[1].proxy->greeting_count <= PROXY_GREETINGS_MAX);
	CHECK_EQ(proxy_call_prepare(node[0].proxy, 1, FRAME_KIND_BULK, &c.call), 0);
	CHECK_EQ(pthread_create(&c.thread, NULL, connect_bulk, &c), 0);
	CHECK(run_until(bulk_there, &node[1]));
	pthread_join(c.thread, NULL);
	CHECK(c.fd >= 0);
	os_close(c.fd);
	os_close(node[1].bulk_fd);
	run_for(2100 * OS_MS_NS);
	CHECK_EQ(node[1].proxy->greeting_count, 0);
	for (int i = 0; i < 100; i++)
		os_close(fd[i]);
	tear_down();
}

/* A listener that is no node: it hears our HELLO and gets nothing more, whatever it answers. */
static void *answer_wrongly(void *ctx)
{
	int listener = *(int *)ctx;
	uint8_t buf[FRAME_HEAD_BYTES + FRAME_HELLO_BYTES];
	struct frame_hello heard, said;
	struct os_tcp_caller caller;
	int fd;

	if (os_poll(listener, OS_READ, 2000))
		return NULL;
	fd = os_tcp_accept(listener, &caller);
	if (!os_read_full(fd, buf, sizeof(buf), 1000) && !frame_read_hello(&heard, buf)) {
		said = heard;
		said.node = heard.peer;
		said.incarnation = heard.peer_incarnation;
		said.peer = heard.node;
		said.peer_incarnation = heard.incarnation;
		frame_encode_hello(buf, &said);
		os_write_full(fd, buf, sizeof(buf), 1000);
	}
	os_read_full(fd, buf, 1, 1000);
	os_close(fd);
	return NULL;
}

static void test_squatter(void)
{
	struct proxy_call call;
	pthread_t thread;
	int listener;

	set_up();
	CHECK_EQ(proxy_call_prepare(node[0].proxy, 1, FRAME_KIND_BULK, &call), 0);
	call.route.port = PORT + 1;
	listener = os_tcp_listen(address_of(1), PORT + 1);
	CHECK_OR_RETURN(listener >= 0);
	CHECK_EQ(pthread_create(&thread, NULL, answer_wrongly, &listener), 0);
	CHECK_EQ(proxy_call_connect(&call, 1000), -EACCES);
	pthread_join(thread, NULL);
	os_close(listener);
	tear_down();
}

int main(void)
{
	TEST(test_bulk);
	TEST(test_noise);
	TEST(test_strangers);
	TEST(test_silent_connections);
	TEST(test_squatter);
	return test_end();
}
