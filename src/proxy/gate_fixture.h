/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PROXY_GATE_FIXTURE_H
#define DVS_PROXY_GATE_FIXTURE_H

/*
 * For tests, which include base/test.h first. The gate of node 1, with a loop that plays the node's. The callbacks keep
 * the last connection that was handed over; the log is read back from a file in memory.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "os/memfd.h"
#include "os/socket.h"
#include "proxy/gate_part.h"
#include "proxy/keys_fixture.h"

#define UNUSED __attribute__((unused))

#define NODE	  1
#define CALLER	  0
#define PORT	  17654
#define NOBODY	  17655 /* nobody listens there */
#define WAIT_NS	  (5 * OS_SECOND_NS)
/* At once, as a loaded machine has it: before the time of the gate is over. */
#define PROMPT_NS (GATE_GREETING_US * INT64_C(750))
#define LOG_MAX	  (64 * 1024)
#define WORDS	  (FRAME_HEAD_BYTES + FRAME_HELLO_BYTES)
#define LIFE	  7 /* of the caller */
#define LIFE_OWN  9

static struct {
	struct os_loop *loop;
	struct os_source *ticker;
	struct gate *gate;
	struct secure_keys *keys;
	int log_fd, stderr_fd;
	/* The node's side. */
	int called, made;
	struct secure *secure; /* the last one */
	struct frame_hello hello;
	struct address address;
	int node;
	uint64_t number;
	/* The end of run_until(). */
	bool (*until)(void);
	int64_t until_ns;
} here;

static struct address address_of(int id)
{
	return test_address((unsigned)id);
}

static void on_called(void *ctx, struct secure *secure, const struct frame_hello *hello,
		      struct address address)
{
	(void)ctx;
	here.called++;
	secure_free(here.secure);
	here.secure = secure;
	here.hello = *hello;
	here.address = address;
}

static void on_made(void *ctx, const struct identity *identity, uint64_t number,
		    struct secure *secure)
{
	(void)ctx;
	here.made++;
	secure_free(here.secure);
	here.secure = secure;
	here.node = identity->to;
	here.number = number;
}

static void on_tick(void *ctx)
{
	(void)ctx;
	if ((here.until && here.until()) || os_now_ns() > here.until_ns)
		os_loop_stop(here.loop);
	os_timer_set(here.ticker, 1000);
}

UNUSED static bool run_until(bool (*condition)(void))
{
	here.until = condition;
	here.until_ns = os_now_ns() + WAIT_NS;
	os_loop_run(here.loop);
	return condition();
}

UNUSED static void run_for(int64_t ns)
{
	here.until = NULL;
	here.until_ns = os_now_ns() + ns;
	os_loop_run(here.loop);
}

UNUSED static bool is_called(void)
{
	return here.called > 0;
}

UNUSED static bool is_made(void)
{
	return here.made > 0;
}

UNUSED static bool is_empty(void)
{
	return gate_unproven(here.gate) == 0;
}

/* ---- the log ---- */

static void log_catch(void)
{
	here.log_fd = os_memfd_new_file("log");
	here.stderr_fd = os_dup(STDERR_FILENO);
	CHECK(here.log_fd >= 0);
	CHECK(here.stderr_fd >= 0);
	dup2(here.log_fd, STDERR_FILENO);
}

static void log_restore(void)
{
	dup2(here.stderr_fd, STDERR_FILENO);
	os_close(here.stderr_fd);
	os_close(here.log_fd);
}

/* How often the log has these words. */
UNUSED static int log_count(const char *words)
{
	static char text[LOG_MAX];
	ssize_t n = pread(here.log_fd, text, sizeof(text) - 1, 0);
	int count = 0;

	CHECK(n >= 0 && n < (ssize_t)sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	for (const char *at = text; (at = strstr(at, words)); at++)
		count++;
	return count;
}

/* ---- the gate ---- */

/* keys: the fixture's from now on. The thread of the gate does not run yet. */
UNUSED static void set_up_closed(struct secure_keys *keys)
{
	const struct gate_place place = { .node = NODE,
					  .address = address_of(NODE),
					  .port = PORT,
					  .listen_fd = -1,
					  .keys = keys };
	const struct gate_callbacks callbacks = { .called = on_called, .made = on_made };

	memset(&here, 0, sizeof(here));
	here.keys = keys;
	CHECK_EQ(os_loop_new(&here.loop, NULL), 0);
	CHECK_EQ(os_source_timer(here.loop, 1000, on_tick, NULL, &here.ticker), 0);
	CHECK_EQ(gate_new(&here.gate, here.loop, &place, &callbacks), 0);
	log_catch();
}

UNUSED static void set_up(void)
{
	set_up_closed(keys_of(1, 0xa1));
	CHECK_EQ(gate_open(here.gate), 0);
}

UNUSED static void tear_down(void)
{
	here.gate = gate_free(here.gate);
	log_restore();
	here.secure = secure_free(here.secure);
	here.keys = secure_keys_free(here.keys);
	here.ticker = os_source_free(here.ticker);
	here.loop = os_loop_free(here.loop);
}

/* All notes that the gate was sent before are done with: a call that ends at once comes back. */
UNUSED static void run_notes(void)
{
	const struct os_tcp_route route = { .to = address_of(CALLER), .port = NOBODY };
	const struct identity identity = { .purpose = FRAME_KIND_LINK, .from = NODE, .to = CALLER };
	int before = here.made;

	CHECK_EQ(gate_call(here.gate, &route, &identity, 0), 0);
	CHECK(run_until(is_made));
	CHECK_EQ(here.made, before + 1);
	here.made = before;
}

/* ---- callers ---- */

UNUSED static unsigned wanted;

UNUSED static bool has_wanted(void)
{
	return gate_unproven(here.gate) == wanted;
}

/* Whether so many connections are there that prove nothing, or come to be. */
UNUSED static bool holds(unsigned count)
{
	wanted = count;
	return run_until(has_wanted);
}

/* A connection from there, with these first bytes. */
UNUSED static int call_gate(struct address from, const void *words, size_t len)
{
	const struct os_tcp_route route = { .to = address_of(NODE), .port = PORT, .from = from };
	int fd = os_tcp_connect(&route, 1000);

	CHECK(fd >= 0);
	if (len)
		CHECK_EQ(os_tcp_write(fd, words, len), len);
	return fd;
}

/* Whether the other side has ended the connection by then; its words before that do not count. */
UNUSED static bool ends_within(int fd, int timeout_ms)
{
	int64_t deadline_ns = os_deadline_ns(timeout_ms);
	char words[256];
	ssize_t n;

	os_set_nonblock(fd, 1);
	do {
		os_poll(fd, OS_READ, os_left_ms(deadline_ns));
		n = os_read_some(fd, words, sizeof(words));
	} while (n > 0);
	return n != -EAGAIN;
}

#endif
