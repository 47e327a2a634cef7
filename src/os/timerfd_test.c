/* SPDX-License-Identifier: Apache-2.0 */
#include "os/timerfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"
#include "os/clock.h"

#define FAR_NS (1000 * OS_SECOND_NS)

static void await(int fd)
{
	CHECK_EQ(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000), 1);
}

static int fresh(int clock)
{
	int fd = os_timerfd_new(clock);

	CHECK(fd >= 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	return fd;
}

/* As it was set, so it is seen. */
static void test_set(void)
{
	struct os_timerfd timer;
	int fd = fresh(CLOCK_BOOTTIME);

	CHECK_EQ(os_timerfd_look(fd, &timer), 0);
	CHECK(timer.clock == CLOCK_BOOTTIME && !timer.flags && !timer.ticks && !timer.left_ns &&
	      !timer.interval_ns);
	CHECK_EQ(os_timerfd_set(fd, 0, FAR_NS, 7), 0);
	CHECK_EQ(os_timerfd_look(fd, &timer), 0);
	CHECK(!timer.flags && timer.interval_ns == 7 && timer.left_ns <= FAR_NS &&
	      timer.left_ns > FAR_NS / 2);
	CHECK_EQ(os_timerfd_set(fd, OS_TIMERFD_ABSOLUTE, INT64_MAX, 0), 0);
	CHECK_EQ(os_timerfd_look(fd, &timer), 0);
	CHECK(timer.flags == OS_TIMERFD_ABSOLUTE && !timer.interval_ns && timer.left_ns > FAR_NS);
	CHECK_EQ(os_timerfd_set(fd, 0, 0, 5), 0); /* an interval, and not armed */
	CHECK_EQ(os_timerfd_look(fd, &timer), 0);
	CHECK(!timer.left_ns && timer.interval_ns == 5);
	close(fd);
	CHECK_EQ(os_timerfd_look(fd, &timer), -EBADF);
	CHECK_EQ(os_timerfd_new(12345), -EINVAL);
}

/* Expirations that nobody reads are all seen, and nothing is lost by looking. */
static void test_expired(void)
{
	struct os_timerfd timer;
	uint64_t ticks = 0;
	int fd = fresh(CLOCK_MONOTONIC);

	CHECK_EQ(os_timerfd_set(fd, 0, 1, 0), 0);
	await(fd);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(os_timerfd_look(fd, &timer), 0);
		CHECK(timer.ticks == 1 && !timer.left_ns && !timer.interval_ns);
	}
	CHECK_EQ(os_timerfd_set(fd, 0, 1, OS_MS_NS), 0);
	await(fd);
	poll(NULL, 0, 20);
	CHECK_EQ(os_timerfd_look(fd, &timer), 0);
	CHECK(timer.ticks >= 20 && timer.left_ns <= OS_MS_NS);
	uint64_t seen = timer.ticks;

	CHECK_EQ(read(fd, &ticks, sizeof(ticks)), sizeof(ticks));
	CHECK(ticks >= seen);
	close(fd);
}

static void test_ticks(void)
{
	uint64_t ticks = 0;
	int fd = fresh(CLOCK_REALTIME);

	CHECK_EQ(os_timerfd_set_ticks(fd, 1ull << 40), 0);
	CHECK_EQ(read(fd, &ticks, sizeof(ticks)), sizeof(ticks));
	CHECK_EQ(ticks, 1ull << 40);
	close(fd);
	CHECK_EQ(os_timerfd_set_ticks(fd, 1), -EBADF);
}

static void test_parse(void)
{
	struct os_timerfd timer;

	CHECK(os_timerfd_parse("pos:\t0\nclockid: 7\nticks: 3\nsettime flags: 03\n"
			       "it_value: (2, 5)\nit_interval: (18446744073709551615, 0)\n",
			       &timer));
	CHECK(timer.clock == 7 && timer.ticks == 3 && timer.flags == 3 &&
	      timer.left_ns == 2 * OS_SECOND_NS + 5 && timer.interval_ns == INT64_MAX);
	CHECK(!os_timerfd_parse("pos:\t0\n", &timer));
	CHECK(!os_timerfd_parse("clockid: 1\nticks: 3\nsettime flags: 04\nit_value: (2, 5)\n"
				"it_interval: (0, 0)\n",
				&timer)); /* a flag of tomorrow */
	CHECK(!os_timerfd_parse("clockid: 1\nticks: 3\nsettime flags: 01\nit_value: (2, 5)\n",
				&timer));
	CHECK(!os_timerfd_parse("clockid: 1\nticks: 3\nsettime flags: 01\nit_value: 2\n"
				"it_interval: (0, 0)\n",
				&timer));
}

int main(void)
{
	TEST(test_set);
	TEST(test_expired);
	TEST(test_ticks);
	TEST(test_parse);
	return test_end();
}
