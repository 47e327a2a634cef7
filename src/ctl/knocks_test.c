/* SPDX-License-Identifier: Apache-2.0 */

/* Many callers at an invitation: the one with the token is heard whatever the others do. */

#include "ctl/knocks.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/test.h"
#include "ctl/invitation.h"
#include "os/clock.h"
#include "os/socket.h"
#include "os/tcp.h"
#include "os/threads.h"

/* A minute is more than any step here takes, and no test waits for it. */
#define MINUTE_MS 60000

static struct join_token token;
static struct secure_keys *keys;
static struct knocks *knocks;
static struct refusal refusal;
static struct secure *secure;
static int64_t later_ns;

/* ---- the port: a byte for each caller that waits there ---- */

static int port[2];
static struct os_tcp_caller waiting[2 * KNOCKS_MOST];
static int waiting_fd[2 * KNOCKS_MOST];
static unsigned put, taken;

int __wrap_os_tcp_accept(int fd, struct os_tcp_caller *caller);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	int r = __real_clock_gettime(clock, now);

	now->tv_sec += later_ns / OS_SECOND_NS;
	return r;
}

int __wrap_os_tcp_accept(int fd, struct os_tcp_caller *caller)
{
	char byte;

	CHECK_EQ(fd, port[0]);
	if (os_read_full(fd, &byte, 1, 0))
		return -EAGAIN;
	CHECK(taken < put);
	*caller = waiting[taken];
	return waiting_fd[taken++];
}

static struct address number(uint8_t last)
{
	const uint8_t byte[] = { 192, 0, 2, last };

	return address_v4(byte);
}

/* Of a machine with a /64 of its own. */
static struct address of_network(uint8_t network, uint8_t last)
{
	return (struct address){ { 0x20, 1, 0x0d, 0xb8, [7] = network, [15] = last } };
}

/* Its own end. */
static int call_from(struct address address)
{
	int fds[2];

	CHECK_EQ(os_unix_pair(OS_STREAM, fds), 0);
	CHECK_EQ(os_set_nonblock(fds[1], 1), 0);
	CHECK(put < sizeof(waiting) / sizeof(*waiting));
	waiting[put] = (struct os_tcp_caller){ .address = address };
	waiting_fd[put++] = fds[0];
	CHECK_EQ(os_write_full(port[1], "x", 1, 0), 0);
	return fds[1];
}

struct newcomer {
	int fd;
	struct secure *secure;
};

static void *prove(void *ctx)
{
	struct newcomer *newcomer = ctx;
	struct refusal why = REFUSAL_NONE;

	newcomer->secure = invitation_call(keys, newcomer->fd, &why);
	return NULL;
}

static void set_up(void)
{
	CHECK_EQ(os_unix_pair(OS_STREAM, port), 0);
	put = taken = 0;
	refusal_clear(&refusal);
	CHECK_EQ(knocks_new(&knocks, port[0], keys), 0);
}

static void take_down(void)
{
	knocks = knocks_free(knocks);
	os_close(port[0]);
	os_close(port[1]);
}

static int next(int timeout_ms)
{
	refusal_clear(&refusal);
	return knocks_next(knocks, os_deadline_ns(timeout_ms), &secure, &refusal);
}

/* A caller from this address that knows the token is the one that comes of it. */
static void newcomer_is_heard(struct address address)
{
	struct newcomer newcomer = { .fd = call_from(address) };
	pthread_t thread;

	CHECK_EQ(os_thread_start_joined(&thread, prove, &newcomer), 0);
	CHECK_EQ(next(MINUTE_MS), 0);
	CHECK(secure);
	os_thread_join(thread);
	CHECK(newcomer.secure);
	secure_free(newcomer.secure);
	secure_free(secure);
}

static bool is_open(int fd)
{
	char byte;

	return os_read_some(fd, &byte, 1) == -EAGAIN;
}

/* ---- tests ---- */

/* As many as there is room for, of one address, say nothing: the oldest of them goes, and those of others stay. */
static void test_silent(void)
{
	int first, fd[KNOCKS_MOST];

	set_up();
	first = call_from(number(1));
	for (unsigned i = 1; i < KNOCKS_MOST; i++)
		fd[i] = call_from(number(2));
	newcomer_is_heard(number(2));
	CHECK(is_open(first));
	CHECK(!is_open(fd[1]));
	CHECK(is_open(fd[2]));
	/* The newcomer's place is free, and after that one the oldest of all goes. */
	fd[0] = call_from(number(3));
	newcomer_is_heard(number(4));
	CHECK(!is_open(first));
	CHECK(is_open(fd[0]));
	take_down();
	CHECK(!is_open(fd[2]));
	os_close(first);
	for (unsigned i = 0; i < KNOCKS_MOST; i++)
		os_close(fd[i]);
}

/* A machine with many addresses pushes out its own callers, and of another network none. */
static void test_network(void)
{
	int fd[KNOCKS_MOST + 1];

	set_up();
	fd[0] = call_from(of_network(1, 1));
	for (unsigned i = 1; i < KNOCKS_MOST; i++)
		fd[i] = call_from(of_network(2, (uint8_t)i));
	fd[KNOCKS_MOST] = call_from(of_network(2, KNOCKS_MOST));
	CHECK_EQ(next(10), -ETIMEDOUT);
	CHECK(is_open(fd[0]));
	CHECK(!is_open(fd[1]));
	CHECK(is_open(fd[2]));
	/* The oldest of its own address goes, also if its network has an older one. */
	newcomer_is_heard(of_network(2, 5));
	CHECK(is_open(fd[2]));
	CHECK(!is_open(fd[5]));
	take_down();
	for (unsigned i = 0; i <= KNOCKS_MOST; i++)
		os_close(fd[i]);
}

/* A caller that says something else, or goes, is told of; one that is silent for too long, too. */
static void test_turned_away(void)
{
	static const char noise[] = "GET / HTTP/1.0\r\n\r\n";
	int silent, fd;

	set_up();
	silent = call_from(number(1));
	fd = call_from(number(1));
	CHECK_EQ(os_write_full(fd, noise, sizeof(noise), 0), 0);
	CHECK_EQ(next(MINUTE_MS), 0);
	CHECK(!secure);
	CHECK_EQ(refusal.error, EDVSPERM);
	os_close(fd);
	os_close(call_from(number(1)));
	CHECK_EQ(next(MINUTE_MS), 0);
	CHECK(!secure);
	CHECK(strstr(refusal.reason, "ended before both had proven"));
	CHECK(is_open(silent));
	later_ns += (KNOCKS_GREETING_MS + 1000) * OS_MS_NS;
	CHECK_EQ(next(MINUTE_MS), 0);
	CHECK(!secure);
	CHECK_EQ(refusal.error, EDVSTIMEDOUT);
	CHECK(!is_open(silent));
	os_close(silent);
	take_down();
}

/* The invitation ends in time, also while somebody is there who says nothing. */
static void test_end_of_time(void)
{
	int fd;

	set_up();
	CHECK_EQ(next(10), -ETIMEDOUT);
	fd = call_from(number(1));
	CHECK_EQ(next(10), -ETIMEDOUT);
	CHECK(!secure);
	newcomer_is_heard(number(2));
	os_close(fd);
	take_down();
}

int main(void)
{
	invitation_make(&token);
	CHECK_EQ(invitation_keys(&token, &keys), 0);
	TEST(test_silent);
	TEST(test_network);
	TEST(test_turned_away);
	TEST(test_end_of_time);
	secure_keys_free(keys);
	return test_end();
}
