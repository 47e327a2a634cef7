/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Connections that the gate makes. The far end is a listener of the test: a node with the key, one with another key, or
 * somebody that says anything else. The node hears of each call once, with its number.
 */

#include "base/test.h"

#include "proxy/gate_fixture.h"

#define FAR_PORT 17656
#define NUMBER	 42

static int listener, calls_wanted;

static void listen_far(void)
{
	set_up();
	listener = os_tcp_listen(address_of(CALLER), FAR_PORT);
	CHECK(listener >= 0);
}

static void end_far(void)
{
	os_close(listener);
	tear_down();
}

static void call(uint64_t number, uint16_t port)
{
	const struct os_tcp_route route = { .to = address_of(CALLER),
					    .port = port,
					    .from = address_of(NODE) };
	const struct identity identity = { .purpose = FRAME_KIND_LINK,
					   .from = NODE,
					   .to = CALLER,
					   .from_life = LIFE_OWN,
					   .to_life = LIFE };

	CHECK_EQ(gate_call(here.gate, &route, &identity, number), 0);
}

static int take_call(void)
{
	struct os_tcp_caller caller;
	int fd;

	CHECK_EQ(os_poll(listener, OS_READ, 1000), 0);
	fd = os_tcp_accept(listener, &caller);
	CHECK(fd >= 0);
	CHECK(address_same(caller.address, address_of(NODE)));
	return fd;
}

/* Nothing came of it, and the node was told so at once. */
static void check_nothing(void)
{
	int64_t began_ns = os_now_ns();

	CHECK(run_until(is_made));
	CHECK(os_now_ns() - began_ns < PROMPT_NS);
	CHECK_EQ(here.made, 1);
	CHECK_EQ(here.node, CALLER);
	CHECK_EQ(here.number, NUMBER);
	CHECK(!here.secure);
	CHECK_EQ(here.called, 0);
}

/* The connection that the node gets is proven from both sides, and carries bytes both ways. */
static void test_right(void)
{
	struct secure *far;
	char buf[5];

	listen_far();
	call(NUMBER, FAR_PORT);
	far = secure_answer(here.keys, CALLER, take_call());
	run_for(20 * OS_MS_NS);
	CHECK_EQ(here.made, 0); /* connected, and not yet proven */
	CHECK_EQ(secure_greet_full(far, 1000), 0);
	CHECK(run_until(is_made));
	CHECK_EQ(here.made, 1);
	CHECK_EQ(here.node, CALLER);
	CHECK_EQ(here.number, NUMBER);
	CHECK(here.secure);
	CHECK_EQ(secure_identity(far)->from, NODE);
	CHECK_EQ(secure_identity(far)->from_life, LIFE_OWN);
	CHECK_EQ(secure_identity(far)->to_life, LIFE);
	CHECK_EQ(secure_write_full(here.secure, "there", 5, 1000), 0);
	CHECK_EQ(secure_read_full(far, buf, 5, 1000), 0);
	CHECK(!memcmp(buf, "there", 5));
	CHECK_EQ(secure_write_full(far, "again", 5, 1000), 0);
	CHECK_EQ(secure_read_full(here.secure, buf, 5, 1000), 0);
	CHECK(!memcmp(buf, "again", 5));
	/* The time of the gate is over for it. */
	run_for(GATE_GREETING_US * 1000 + OS_SECOND_NS / 5);
	CHECK_EQ(here.made, 1);
	CHECK_EQ(secure_write_full(here.secure, "there", 5, 1000), 0);
	CHECK_EQ(log_count("refused"), 0);
	secure_free(far);
	end_far();
}

/* A far end with another key, or another node, gets no connection, and the log hears of it. */
static void test_wrong(void)
{
	struct secure_keys *wrong = keys_of(1, 0x55);

	for (int other = 0; other < 2; other++) {
		struct secure *far;

		listen_far();
		call(NUMBER, FAR_PORT);
		far = secure_answer(other ? here.keys : wrong, other ? 2 : CALLER, take_call());
		CHECK_EQ(secure_greet_full(far, 1000), -EACCES);
		check_nothing();
		CHECK_EQ(log_count("a connection to 127."), 1);
		CHECK_EQ(log_count("was refused"), 1);
		CHECK_EQ(log_count("it does not accept the key of this node"), 1);
		secure_free(far);
		end_far();
	}
	secure_keys_free(wrong);
}

/* All words of a listener that is no node: the call ends at once, and the node sees none of it. */
static void test_noise(void)
{
	static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	static const uint8_t without_end[2 * SECURE_GREETING_BYTES] = { 0x16, 3, 3,    0x3f, 0xff,
									2,    0, 0x3f, 0xf0 };
	int fd;

	listen_far();
	call(NUMBER, FAR_PORT);
	fd = take_call();
	CHECK_EQ(os_tcp_write(fd, http, sizeof(http)), sizeof(http));
	check_nothing();
	CHECK_EQ(log_count("its first bytes are no TLS"), 1);
	CHECK(ends_within(fd, 1000));
	os_close(fd);
	end_far();

	listen_far();
	call(NUMBER, FAR_PORT);
	fd = take_call();
	CHECK_EQ(os_tcp_write(fd, without_end, sizeof(without_end)), sizeof(without_end));
	check_nothing();
	CHECK(ends_within(fd, 1000));
	os_close(fd);
	end_far();
}

/* Nobody listens, or the listener goes away while the handshake is under way: at once, and no line in the log. */
static void test_gone(void)
{
	char words[16];
	int fd;

	listen_far();
	call(NUMBER, NOBODY);
	check_nothing();
	here.made = 0;
	call(NUMBER, FAR_PORT);
	fd = take_call();
	CHECK_EQ(os_read_full(fd, words, sizeof(words), 1000), 0);
	os_shutdown_writing(fd);
	check_nothing();
	CHECK(ends_within(fd, 1000));
	CHECK_EQ(log_count("refused"), 0);
	os_close(fd);
	end_far();
}

/* A listener that says nothing, and one that says a byte now and then, are given up after the same time. */
static void test_late(void)
{
	static const uint8_t head[] = { 0x16, 3, 3, 0x3f, 0xff };

	for (int drip = 0; drip < 2; drip++) {
		int64_t began_ns;
		int fd;

		listen_far();
		began_ns = os_now_ns();
		call(NUMBER, FAR_PORT);
		fd = take_call();
		if (drip)
			CHECK_EQ(os_tcp_write(fd, head, sizeof(head)), sizeof(head));
		for (int i = 0; i < 200 && !here.made; i++) {
			if (drip)
				os_write_some(fd, "\0", 1);
			run_for(50 * OS_MS_NS);
			if (os_now_ns() - began_ns < OS_SECOND_NS)
				CHECK_EQ(here.made, 0);
		}
		CHECK(os_now_ns() - began_ns < 6 * OS_SECOND_NS);
		check_nothing();
		CHECK_EQ(log_count("a connection to 127."), 1);
		CHECK_EQ(log_count("its greeting did not come in time"), 1);
		CHECK(ends_within(fd, 1000));
		os_close(fd);
		end_far();
	}
}

static bool all_made(void)
{
	return here.made >= calls_wanted;
}

/* One silent listener keeps no other call: each has its own number, and comes back by itself. */
static void test_beside_each_other(void)
{
	struct secure *far;
	int silent;

	listen_far();
	call(1, FAR_PORT);
	silent = take_call();
	call(2, FAR_PORT);
	far = secure_answer(here.keys, CALLER, take_call());
	CHECK_EQ(secure_greet_full(far, 1000), 0);
	CHECK(run_until(is_made));
	CHECK_EQ(here.made, 1);
	CHECK_EQ(here.number, 2);
	CHECK(here.secure);
	calls_wanted = 2;
	os_close(silent);
	CHECK(run_until(all_made));
	CHECK_EQ(here.number, 1);
	CHECK(!here.secure);
	secure_free(far);
	end_far();
}

/* Without keys a connection is proven as soon as it is there. */
static void test_plain(void)
{
	char buf[5];
	int fd;

	set_up_closed(NULL);
	CHECK_EQ(gate_open(here.gate), 0);
	listener = os_tcp_listen(address_of(CALLER), FAR_PORT);
	call(NUMBER, FAR_PORT);
	fd = take_call();
	CHECK(run_until(is_made));
	CHECK(here.secure);
	CHECK(!secure_identity(here.secure));
	CHECK_EQ(secure_write_full(here.secure, "plain", 5, 1000), 0);
	CHECK_EQ(os_read_full(fd, buf, 5, 1000), 0);
	CHECK(!memcmp(buf, "plain", 5));
	os_close(fd);
	end_far();
}

/* The gate ends while calls are under way: the far end is told, and the node hears nothing any more. */
static void test_end_under_way(void)
{
	int fd;

	listen_far();
	call(NUMBER, FAR_PORT);
	fd = take_call();
	end_far();
	CHECK(ends_within(fd, 1000));
	CHECK_EQ(here.made, 0);
	os_close(fd);
}

int main(void)
{
	TEST(test_right);
	TEST(test_wrong);
	TEST(test_noise);
	TEST(test_gone);
	TEST(test_late);
	TEST(test_beside_each_other);
	TEST(test_plain);
	TEST(test_end_under_way);
	return test_end();
}
