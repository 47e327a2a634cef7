/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Connections made to the gate: the bounds for those that prove nothing, the reasons for which one is refused, and the
 * only thing that the node ever gets, a connection whose HELLO says what its handshake has proven.
 */

#include <sys/resource.h>

#include "base/test.h"
#include "proxy/gate_fixture.h"

/* A caller with everything that it says. */
struct caller {
	struct secure_keys *keys;
	struct identity identity;
	struct frame_hello hello;
	const char *behind; /* its HELLO; NULL: nothing */
	size_t cut;	    /* bytes of its HELLO that it keeps back */
	uint8_t later;	    /* its HELLO is so many versions ahead */
};

static struct caller right_caller(enum frame_kind kind)
{
	return (struct caller){ .keys = here.keys,
				.identity = { .purpose = (uint16_t)kind,
					      .from = CALLER,
					      .to = NODE,
					      .from_life = LIFE,
					      .to_life = LIFE_OWN },
				.hello = { .kind = (uint16_t)kind,
					   .node = CALLER,
					   .incarnation = LIFE,
					   .peer = NODE,
					   .peer_incarnation = LIFE_OWN,
					   .epoch = 3,
					   .secret = 0x1234,
					   .cluster = FRAME_CLUSTER_DEFAULT,
					   .speaker = protocol_own } };
}

/* The connection, whose handshake and words went out as far as the gate let them. */
static struct secure *call(const struct caller *caller, struct address from)
{
	uint8_t buf[WORDS + 16];
	struct secure *secure =
		secure_call(caller->keys, &caller->identity, call_gate(from, "", 0));
	size_t len = frame_encode_hello(buf, &caller->hello) - caller->cut;

	buf[0] = (uint8_t)(buf[0] + caller->later);
	if (caller->behind) {
		memcpy(buf + len, caller->behind, strlen(caller->behind));
		len += strlen(caller->behind);
	}
	if (!secure_greet_full(secure, 2000))
		secure_write_full(secure, buf, len, 1000);
	return secure;
}

/* ---- the one that is let in ---- */

static void check_called(const struct caller *caller, struct address from)
{
	struct secure *secure = call(caller, from);
	const struct identity *identity;
	char buf[6] = "";

	CHECK(run_until(is_called));
	CHECK_EQ(here.called, 1);
	CHECK(address_same(here.address, from));
	CHECK_EQ(here.hello.kind, caller->hello.kind);
	CHECK_EQ(here.hello.node, CALLER);
	CHECK_EQ(here.hello.secret, 0x1234);
	CHECK_EQ(here.hello.epoch, 3);
	identity = secure_identity(here.secure);
	CHECK(!identity == !here.keys);
	CHECK_EQ(identity ? identity->from : CALLER, CALLER);
	/* All behind the HELLO is for the node, although it came with it. */
	CHECK_EQ(secure_read_full(here.secure, buf, sizeof(buf), 1000), 0);
	CHECK(!memcmp(buf, "behind", 6));
	CHECK_EQ(gate_unproven(here.gate), 0);
	CHECK_EQ(log_count("refused"), 0);
	secure_free(secure);
}

static void test_right(void)
{
	for (int kind = FRAME_KIND_LINK; kind <= FRAME_KIND_COPY; kind++) {
		struct caller caller;

		set_up();
		caller = right_caller((enum frame_kind)kind);
		caller.behind = "behind";
		check_called(&caller, address_of(kind == FRAME_KIND_LINK ? CALLER : 2));
		tear_down();
	}
}

/* A HELLO that comes in two pieces is one HELLO; until it is whole the node hears nothing. */
static void test_pieces(void)
{
	uint8_t buf[WORDS];
	struct secure *secure;
	struct caller caller;

	set_up();
	caller = right_caller(FRAME_KIND_LINK);
	frame_encode_hello(buf, &caller.hello);
	caller.cut = 30;
	secure = call(&caller, address_of(CALLER));
	run_for(50 * OS_MS_NS);
	CHECK_EQ(here.called, 0);
	CHECK_EQ(gate_unproven(here.gate), 1);
	CHECK_EQ(secure_write_full(secure, buf + WORDS - 30, 30, 1000), 0);
	CHECK(run_until(is_called));
	CHECK_EQ(here.hello.secret, 0x1234);
	CHECK_EQ(log_count("refused"), 0);
	secure_free(secure);
	tear_down();
}

/*
 * A connection that was proven for a move is kept for it, beside all strangers, and of one node so
 * many.
 */
static void test_kept_ready(void)
{
	struct secure *ready[GATE_READY_OF_NODE_MAX + 1];
	uint8_t buf[WORDS];
	struct caller caller;

	set_up();
	caller = right_caller(FRAME_KIND_BULK);
	frame_encode_hello(buf, &caller.hello);
	caller.cut = WORDS;
	for (int i = 0; i <= GATE_READY_OF_NODE_MAX; i++) {
		ready[i] = call(&caller, address_of(CALLER));
		CHECK_EQ(secure_greet(ready[i]), 0);
		CHECK(run_until(is_empty));
	}
	CHECK_EQ(gate_unproven(here.gate), 0);
	CHECK(ends_within(secure_fd(ready[0]), 1000));
	CHECK(!ends_within(secure_fd(ready[1]), 0));
	/* Longer than a stranger would have. */
	run_for(GATE_GREETING_US * 1000 + OS_SECOND_NS / 5);
	CHECK_EQ(here.called, 0);
	CHECK_EQ(secure_write_full(ready[1], buf, WORDS, 1000), 0);
	CHECK(run_until(is_called));
	CHECK_EQ(here.hello.secret, 0x1234);
	CHECK_EQ(log_count("refused"), 0);
	for (int i = 0; i <= GATE_READY_OF_NODE_MAX; i++)
		secure_free(ready[i]);
	tear_down();
}

/* Without keys a HELLO is all that there is. */
static void test_plain(void)
{
	struct caller caller;

	set_up_closed(NULL);
	CHECK_EQ(gate_open(here.gate), 0);
	caller = right_caller(FRAME_KIND_BULK);
	caller.behind = "behind";
	check_called(&caller, address_of(CALLER));
	tear_down();
}

/* The node has it: the time of the gate is over for it. */
static void test_no_clock_for_the_node(void)
{
	struct secure *secure;
	struct caller caller;

	set_up();
	caller = right_caller(FRAME_KIND_LINK);
	secure = call(&caller, address_of(CALLER));
	CHECK(run_until(is_called));
	run_for(GATE_GREETING_US * 1000 + OS_SECOND_NS / 5);
	CHECK_EQ(secure_write_full(here.secure, "late", 4, 1000), 0);
	CHECK(!ends_within(secure_fd(secure), 0));
	CHECK_EQ(log_count("refused"), 0);
	secure_free(secure);
	tear_down();
}

/* ---- those that are refused, each with its reason ---- */

static char line[128];

static bool is_logged(void)
{
	return log_count(line) > 0;
}

static void check_refused(const char *why)
{
	snprintf(line, sizeof(line), "was refused: %s (1 so far)", why);
	CHECK(holds(0));
	CHECK(run_until(is_logged));
	CHECK_EQ(here.called, 0);
	CHECK_EQ(log_count(line), 1);
	CHECK_EQ(log_count("refused"), 1);
	if (log_count(line) != 1)
		printf("# expected: %s\n", line);
}

#define REFUSED(change, why)                                 \
	do {                                                 \
		struct secure *secure;                       \
		struct caller caller;                        \
                                                             \
		set_up();                                    \
		caller = right_caller(FRAME_KIND_LINK);      \
		change;                                      \
		secure = call(&caller, address_of(CALLER));  \
		CHECK(ends_within(secure_fd(secure), 1500)); \
		check_refused(why);                          \
		secure_free(secure);                         \
		if (caller.keys != here.keys)                \
			secure_keys_free(caller.keys);       \
		tear_down();                                 \
	} while (0)

static void test_wrong_keys(void)
{
	REFUSED(caller.keys = keys_of(1, 0x55), "it does not know the key");
	REFUSED(caller.keys = keys_of(2, 0xa1), "its key is none of ours");
	REFUSED(caller.identity.to = 2, "it calls another node");
	REFUSED(caller.identity.from = NODE, "it calls another node");
}

/* A caller that is proven, and then says to be another one. */
static void test_other_words(void)
{
	static const char why[] = "its greeting is another than it has proven";

	REFUSED(caller.hello.kind = FRAME_KIND_BULK, why);
	REFUSED(caller.hello.node = 2, why);
	REFUSED(caller.hello.peer = 2, why);
	REFUSED(caller.hello.incarnation++, why);
	REFUSED(caller.hello.peer_incarnation++, why);
	REFUSED(caller.identity.purpose = FRAME_KIND_COPY, why);
	REFUSED(caller.identity.from = 2, why);
	REFUSED(caller.identity.from_life++, why);
	REFUSED(caller.identity.to_life++, why);
	REFUSED(caller.later = 1,
		"it is of another release of dvs, whose greeting cannot be read: install "
		"one release on both nodes");
	REFUSED(caller.hello.kind = 99, "its greeting is none of ours");
	REFUSED(caller.hello.node = -1, "its greeting is none of ours");
}

static void check_noise(const void *words, size_t len, const char *why)
{
	int fd;

	set_up();
	fd = call_gate(address_of(CALLER), words, len);
	CHECK(ends_within(fd, 1500));
	check_refused(why);
	os_close(fd);
	tear_down();
}

/* Of bytes that are no TLS, a HELLO in plain words among them, the node gets nothing. */
static void test_noise(void)
{
	static const char http[] = "GET / HTTP/1.1\r\nHost: somewhere\r\n\r\n";
	struct caller caller = right_caller(FRAME_KIND_LINK);
	uint8_t buf[WORDS];

	frame_encode_hello(buf, &caller.hello);
	check_noise(http, sizeof(http), "its first bytes are no TLS");
	check_noise(buf, sizeof(buf), "its first bytes are no TLS");
}

/* The beginning of one record of TLS, which says to be longer than any greeting. */
static const uint8_t long_record[SECURE_GREETING_BYTES] = {
	0x16, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xf0
};

/* A greeting may have so many bytes, and not one more is read or kept. */
static void test_greeting_without_end(void)
{
	int fd;

	set_up();
	fd = call_gate(address_of(CALLER), long_record, SECURE_GREETING_BYTES - 1);
	CHECK(holds(1));
	CHECK(!ends_within(fd, 200));
	CHECK_EQ(os_tcp_write(fd, "x", 1), 1);
	CHECK(ends_within(fd, 1000));
	check_refused("it greets without end");
	os_close(fd);
	tear_down();
}

/* ---- no descriptor is left ---- */

/* Only so many may be opened from now on. */
static struct rlimit leave_descriptors(unsigned count)
{
	struct rlimit before, now;
	int lowest = os_dup(0);

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	now.rlim_cur = (rlim_t)lowest + count;
	os_close(lowest);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &now), 0);
	return before;
}

/* The caller has the last one: it is turned away, once, and the thread of the gate does not run in vain. */
static void test_no_descriptor(void)
{
	struct rlimit before;
	struct rusage rusage;
	int64_t used_us;
	int fd, second;

	set_up();
	before = leave_descriptors(1);
	fd = call_gate(address_of(CALLER), "", 0);
	CHECK(ends_within(fd, 1000));
	getrusage(RUSAGE_SELF, &rusage);
	used_us = rusage.ru_utime.tv_usec + rusage.ru_stime.tv_usec +
		  1000000 * (rusage.ru_utime.tv_sec + rusage.ru_stime.tv_sec);
	CHECK_EQ(os_poll(fd, 0, 300), -ETIMEDOUT);
	getrusage(RUSAGE_SELF, &rusage);
	CHECK(rusage.ru_utime.tv_usec + rusage.ru_stime.tv_usec +
		      1000000 * (rusage.ru_utime.tv_sec + rusage.ru_stime.tv_sec) - used_us <
	      150000);
	check_refused("all descriptors of the daemon are in use");
	os_close(fd);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	/* One that proves nothing makes room for the next one. */
	fd = call_gate(address_of(CALLER), "", 0);
	CHECK(holds(1));
	before = leave_descriptors(1);
	second = call_gate(address_of(CALLER), "", 0);
	CHECK(ends_within(fd, 1000));
	CHECK(holds(1));
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	os_close(fd);
	os_close(second);
	tear_down();
}

/* A connection that is ready for a move makes room as well, and the log hears of no refusal. */
static void test_no_descriptor_beside_a_ready_one(void)
{
	struct rlimit before;
	struct secure *ready;
	struct caller caller;
	int fd;

	set_up();
	caller = right_caller(FRAME_KIND_BULK);
	caller.cut = WORDS;
	ready = call(&caller, address_of(CALLER));
	CHECK_EQ(secure_greet(ready), 0);
	CHECK(holds(0));
	before = leave_descriptors(1);
	fd = call_gate(address_of(CALLER), "", 0);
	CHECK(ends_within(secure_fd(ready), 1000));
	CHECK(holds(1));
	CHECK_EQ(log_count("refused"), 0);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	os_close(fd);
	secure_free(ready);
	tear_down();
}

/* ---- too late, and gone ---- */

/*
 * Three that keep the gate waiting, from three addresses: with nothing at all, with one byte after another, and with a
 * HELLO, behind a right handshake, that lacks a byte. No bytes of a caller make it live longer.
 */
static void test_late(void)
{
	struct secure *proven;
	struct caller caller;
	int silent, drip;
	int64_t began_ns;

	set_up();
	caller = right_caller(FRAME_KIND_LINK);
	caller.cut = 1;
	began_ns = os_now_ns();
	silent = call_gate(address_of(0), "", 0);
	drip = call_gate(address_of(2), long_record, 5);
	proven = call(&caller, address_of(3));
	CHECK(holds(3));
	for (int i = 0; i < 200 && !is_empty(); i++) {
		os_write_some(drip, "\0", 1);
		run_for(50 * OS_MS_NS);
		if (os_now_ns() - began_ns < OS_SECOND_NS)
			CHECK_EQ(gate_unproven(here.gate), 3);
	}
	CHECK(os_now_ns() - began_ns < 6 * OS_SECOND_NS);
	CHECK(ends_within(silent, 1000));
	CHECK(ends_within(drip, 1000));
	CHECK(ends_within(secure_fd(proven), 1000));
	CHECK_EQ(here.called, 0);
	CHECK_EQ(log_count("its greeting did not come in time"), 3);
	os_close(silent);
	os_close(drip);
	secure_free(proven);
	tear_down();
}

/* A caller that ends the connection, or its half of it, is forgotten at once, and the log hears nothing. */
static void test_gone(void)
{
	struct secure *proven;
	struct caller caller;
	int64_t began_ns;
	int fd, half;

	set_up();
	caller = right_caller(FRAME_KIND_LINK);
	caller.cut = 1;
	fd = call_gate(address_of(0), long_record, 100);
	half = call_gate(address_of(2), long_record, 100);
	proven = call(&caller, address_of(3));
	CHECK(holds(3));
	began_ns = os_now_ns();
	os_close(fd);
	CHECK(holds(2));
	os_shutdown_writing(half);
	CHECK(holds(1));
	CHECK(ends_within(half, 1000));
	proven = secure_free(proven);
	CHECK(holds(0));
	CHECK(os_now_ns() - began_ns < PROMPT_NS);
	CHECK_EQ(here.called, 0);
	CHECK_EQ(log_count("refused"), 0);
	os_close(half);
	tear_down();
}

/* The gate ends while handshakes are under way: the callers are told, the node is not. */
static void test_end_under_way(void)
{
	int fd;

	set_up();
	fd = call_gate(address_of(0), long_record, 100);
	CHECK(holds(1));
	tear_down();
	CHECK(ends_within(fd, 1000));
	CHECK_EQ(here.called, 0);
	os_close(fd);
}

int main(void)
{
	TEST(test_right);
	TEST(test_pieces);
	TEST(test_kept_ready);
	TEST(test_plain);
	TEST(test_no_clock_for_the_node);
	TEST(test_wrong_keys);
	TEST(test_other_words);
	TEST(test_noise);
	TEST(test_greeting_without_end);
	TEST(test_no_descriptor);
	TEST(test_no_descriptor_beside_a_ready_one);
	TEST(test_late);
	TEST(test_gone);
	TEST(test_end_under_way);
	return test_end();
}
