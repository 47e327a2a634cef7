/* SPDX-License-Identifier: Apache-2.0 */

/* Connections made to a node's port: calls of nodes, which are let in, and strangers, which are not. */

#include <pthread.h>
#include <string.h>

#include "base/test.h"

#include "proxy/proxy_fixture.h"

struct connecting {
	pthread_t thread;
	struct proxy_call call;
	struct secure *secure;
	int r;
};

static void *connect_bulk(void *ctx)
{
	struct connecting *c = ctx;

	c->r = proxy_call_connect(&c->call, 2000, &c->secure);
	if (!c->r)
		secure_write_full(c->secure, "behind", 6, 1000);
	return NULL;
}

static bool bulk_there(void *ctx)
{
	return ((struct node *)ctx)->bulk;
}

static void test_bulk(void)
{
	struct connecting c = { .r = 1 };
	char buf[6];

	set_up();
	CHECK_EQ(proxy_call_prepare(node[0].proxy, 1, FRAME_KIND_BULK, &c.call), 0);
	CHECK_EQ(pthread_create(&c.thread, NULL, connect_bulk, &c), 0);
	CHECK(run_until(bulk_there, &node[1]));
	pthread_join(c.thread, NULL);
	CHECK_EQ(c.r, 0);
	CHECK_EQ(node[1].bulk_from, 0);
	CHECK_EQ(secure_read_full(node[1].bulk, buf, sizeof(buf), 1000), 0);
	CHECK(!memcmp(buf, "behind", 6));
	secure_free(c.secure);
	tear_down();
}

/* ---- strangers: from an address, with these first words and no key ---- */

static struct address elsewhere(void)
{
	return test_address(NODES);
}

static int knock(struct address from, const void *words, size_t len)
{
	const struct os_tcp_route route = { .to = address_of(1), .port = PORT, .from = from };
	int fd = os_tcp_connect(&route, 1000);

	if (fd >= 0)
		os_tcp_write(fd, words, len);
	return fd;
}

static bool all_gone(void *ctx)
{
	(void)ctx;
	return gate_unproven(node[1].proxy->gate) == 0;
}

/* Whether nothing came of it, and all is as before. */
static bool nothing_happened(uint32_t epoch)
{
	return run_until(all_gone, NULL) && !node[1].bulk &&
	       node[1].proxy->peer[0].link.epoch == epoch && all_up(NULL);
}

/* It gets an alert of TLS at most, and then the end. */
static bool is_closed(void *fd)
{
	char words[64];
	ssize_t n;

	while ((n = os_read_some(*(int *)fd, words, sizeof(words))) > 0)
		;
	return n != -EAGAIN;
}

static bool is_refused(struct address from, const void *words, size_t len)
{
	uint32_t epoch = node[1].proxy->peer[0].link.epoch;
	int fd = knock(from, words, len);
	bool refused;

	CHECK(fd >= 0);
	os_set_nonblock(fd, 1);
	refused = run_until(is_closed, &fd) && nothing_happened(epoch);
	os_close(fd);
	return refused;
}

static void test_noise(void)
{
	static const char noise[] = "GET / HTTP/1.1\r\nHost: somewhere\r\nAccept: everything and "
				    "more of it than a greeting has bytes\r\n\r\n";
	uint8_t buf[128];
	struct frame_hello hello;
	size_t len;

	set_up();
	CHECK(is_refused(ADDRESS_NONE, noise, sizeof(noise)));
	CHECK(is_refused(address_of(0), noise, sizeof(noise)));
	/* The greeting itself, with the secret of a life, as it was before there were keys. */
	for (int kind = FRAME_KIND_LINK; kind <= FRAME_KIND_COPY; kind++) {
		link_call_hello(&node[0].proxy->peer[1].link, (enum frame_kind)kind, &hello);
		len = frame_encode_hello(buf, &hello);
		CHECK(is_refused(address_of(0), buf, len));
	}
	tear_down();
}

/* ---- somebody with a key ---- */

struct proof {
	struct secure_keys *keys;
	struct address from;
	struct identity identity;
	struct frame_hello hello;
};

static struct proof right_proof(int kind)
{
	const struct link *link = &node[0].proxy->peer[1].link;
	struct proof proof = { .keys = keys,
			       .from = address_of(0),
			       .identity = link_identity(link, (enum frame_kind)kind) };

	link_call_hello(link, (enum frame_kind)kind, &proof.hello);
	return proof;
}

/* A HELLO, or the end. */
static bool is_answered(void *secure)
{
	return os_poll(secure_fd(secure), OS_READ, 0) == 0;
}

/* 0: answered by a HELLO. -EACCES: not believed. */
static int prove(const struct proof *proof)
{
	uint8_t buf[FRAME_HEAD_BYTES + FRAME_HELLO_BYTES];
	struct secure *secure =
		secure_call(proof->keys, &proof->identity, knock(proof->from, "", 0));
	size_t len = frame_encode_hello(buf, &proof->hello);
	int r = secure_greet_full(secure, 1000);

	if (!r)
		r = secure_write_full(secure, buf, len, 1000);
	if (!r && !run_until(is_answered, secure))
		r = -ETIMEDOUT;
	if (!r)
		r = secure_read_full(secure, buf, len, 1000);
	secure_free(secure);
	return r;
}

static bool is_not_believed(const struct proof *proof)
{
	uint32_t epoch = node[1].proxy->peer[0].link.epoch;
	int r = prove(proof);

	if (r && r != -ETIMEDOUT && nothing_happened(epoch))
		return true;
	printf("# %d, unproven %u, bulk %d\n", r, gate_unproven(node[1].proxy->gate),
	       !!node[1].bulk);
	return false;
}

/* Nothing is wrong: a caller with the key is a node, from any address. */
static void test_right(void)
{
	set_up();
	for (int kind = FRAME_KIND_BULK; kind <= FRAME_KIND_COPY; kind++) {
		struct proof proof = right_proof(kind);

		CHECK_EQ(prove(&proof), 0);
		CHECK(node[1].bulk);
		node[1].bulk = secure_free(node[1].bulk);
		proof.from = elsewhere();
		CHECK_EQ(prove(&proof), 0);
		node[1].bulk = secure_free(node[1].bulk);
	}
	tear_down();
}

#define WRONG(change)                                   \
	do {                                            \
		struct proof proof = right_proof(kind); \
		change;                                 \
		CHECK(is_not_believed(&proof));         \
	} while (0)

/* For each kind of connection: one thing that is wrong is enough. */
static void test_strangers(void)
{
	struct secure_keys *wrong, *other;

	set_up();
	wrong = keys_of(1, 0x55);
	other = keys_of(2, 0xa1);
	for (int kind = FRAME_KIND_LINK; kind <= FRAME_KIND_COPY; kind++) {
		WRONG(proof.keys = wrong);
		WRONG(proof.keys = other);
		/* The proven identity and the one in the greeting are the same. */
		WRONG(proof.identity.from = 2);
		WRONG(proof.identity.to = 2);
		WRONG(proof.identity.purpose = (uint16_t)(kind % 3 + 1));
		WRONG(proof.identity.from_life++);
		WRONG(proof.identity.to_life++);
		WRONG(proof.hello.secret ^= 1);
		WRONG(proof.hello.incarnation++);
		WRONG(proof.hello.peer_incarnation++);
		WRONG(proof.hello.node = 2);
		/* And what both say is what the order knows. */
		WRONG(proof.hello.incarnation = ++proof.identity.from_life);
		WRONG(proof.hello.peer_incarnation = ++proof.identity.to_life);
		WRONG(proof.hello.incarnation = proof.identity.from_life = 0);
		WRONG(proof.hello.peer_incarnation = proof.identity.to_life = 0);
		WRONG(proof.hello.node = proof.identity.from = 7);
		WRONG(proof.hello.node = proof.identity.from = 1);
	}
	secure_keys_free(wrong);
	secure_keys_free(other);
	tear_down();
}

/* A node of another release is told what this one speaks, so that it can say so as well. */
static void test_other_protocol(void)
{
	struct proxy_link_stats stats;

	set_up();
	for (int kind = FRAME_KIND_LINK; kind <= FRAME_KIND_COPY; kind++) {
		struct proof proof = right_proof(kind);
		uint32_t epoch = node[1].proxy->peer[0].link.epoch;

		proof.hello.speaker.least = proof.hello.speaker.most = protocol_own.most + 1;
		CHECK_EQ(prove(&proof), 0);
		CHECK(nothing_happened(epoch));
		proxy_link_stats(node[1].proxy, 0, &stats);
		CHECK_EQ(stats.speaker.most, protocol_own.most + 1);
		CHECK_EQ(stats.protocol, 0);
	}
	tear_down();
}

static bool clocks_known(void *ctx)
{
	(void)ctx;
	return node[0].proxy->peer[1].stats.clock.known && node[1].proxy->peer[0].stats.clock.known;
}

/* All nodes of this test have one clock: a link's numbers about it have to hold. */
static void test_clock(void)
{
	struct proxy_link_stats stats;

	set_up();
	CHECK(run_until(clocks_known, NULL));
	for (int id = 0; id < 2; id++) {
		proxy_link_stats(node[id].proxy, 1 - id, &stats);
		CHECK(stats.clock.ahead_ns <= stats.clock_error_ns);
		CHECK(-stats.clock.ahead_ns <= stats.clock_error_ns);
		CHECK(stats.clock_error_ns < OS_SECOND_NS);
		CHECK_EQ(stats.protocol, protocol_own.most);
	}
	tear_down();
}

/* Hundreds of connections that say nothing, or not enough, keep no node from being heard. */
static void test_silent_connections(void)
{
	struct connecting c = { .r = 1 };
	static int fd[200];

	set_up();
	for (int i = 0; i < 200; i++) {
		fd[i] = knock(i % 2 ? address_of(0) : elsewhere(), "\x16\3\1\2", i % 3 ? 0 : 4);
		if (i % 10 == 0)
			run_for(OS_MS_NS);
	}
	run_for(10 * OS_MS_NS);
	CHECK(gate_unproven(node[1].proxy->gate) <= 2 * GATE_OF_ADDRESS_MAX);
	CHECK_EQ(proxy_call_prepare(node[0].proxy, 1, FRAME_KIND_BULK, &c.call), 0);
	CHECK_EQ(pthread_create(&c.thread, NULL, connect_bulk, &c), 0);
	CHECK(run_until(bulk_there, &node[1]));
	pthread_join(c.thread, NULL);
	CHECK_EQ(c.r, 0);
	secure_free(c.secure);
	CHECK(run_until(all_gone, NULL));
	CHECK(all_up(NULL));
	for (int i = 0; i < 200; i++)
		os_close(fd[i]);
	tear_down();
}

/* A listener that is no node: it hears a proof that proves nothing to it, and gets nothing more. */
static void *answer_wrongly(void *ctx)
{
	int listener = *(int *)ctx;
	struct secure_keys *wrong = keys_of(1, 0x55);
	struct os_tcp_caller caller;
	struct secure *secure;
	uint8_t buf[FRAME_HEAD_BYTES + FRAME_HELLO_BYTES];
	int r;

	for (int i = 0; i < 2; i++) {
		if (os_poll(listener, OS_READ, 2000))
			break;
		secure = secure_answer(i ? NULL : wrong, 1, os_tcp_accept(listener, &caller));
		r = secure_greet_full(secure, 1000);
		CHECK_EQ(r, i ? 0 : -EACCES);
		if (!r && secure_read_full(secure, buf, sizeof(buf), 1000) == 0)
			secure_write_full(secure, buf, sizeof(buf), 1000);
		secure_free(secure);
	}
	secure_keys_free(wrong);
	return NULL;
}

static void test_squatter(void)
{
	struct secure *secure = NULL;
	struct proxy_call call;
	pthread_t thread;
	int listener;

	set_up();
	CHECK_EQ(proxy_call_prepare(node[0].proxy, 1, FRAME_KIND_BULK, &call), 0);
	call.route.port = PORT + 1;
	listener = os_tcp_listen(address_of(1), PORT + 1);
	CHECK_OR_RETURN(listener >= 0);
	CHECK_EQ(pthread_create(&thread, NULL, answer_wrongly, &listener), 0);
	CHECK_EQ(proxy_call_connect(&call, 1000, &secure), -EACCES);
	CHECK_EQ(proxy_call_connect(&call, 1000, &secure), -EACCES);
	CHECK(!secure);
	pthread_join(thread, NULL);
	os_close(listener);
	tear_down();
}

int main(void)
{
	TEST(test_bulk);
	TEST(test_noise);
	TEST(test_right);
	TEST(test_strangers);
	TEST(test_other_protocol);
	TEST(test_clock);
	TEST(test_silent_connections);
	TEST(test_squatter);
	return test_end();
}
