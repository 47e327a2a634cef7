/* SPDX-License-Identifier: Apache-2.0 */
/* A timerfd of this very process, read as one of another and made anew. */
#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/kind.h"
#include "migrate/made_proc_test.h"
#include "migrate/restore.h"
#include "os/clock.h"
#include "os/procdir.h"
#include "os/timerfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINK   "anon_inode:[timerfd]"
#define FAR_NS (1000 * OS_SECOND_NS)

static struct kind_frozen frozen;
static struct restore restore;

/* 1: found. */
static int find(int fd, const char *info, struct description *description, struct refusal *refusal)
{
	struct procdir_text text = { 0 };
	char name[48];

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	if (!info)
		CHECK_EQ(procdir_read(AT_FDCWD, name, &text), 0);
	const struct kind_seen seen = { .link = LINK,
					.info = info ? info : text.text,
					.number = 3 };

	*refusal = REFUSAL_NONE;
	*description = (struct description){ .number = fd, .image.flags = O_RDWR | O_NONBLOCK };
	int r = kind_timerfd.find(&seen, &description->image, refusal);

	procdir_text_free(&text);
	return r;
}

/* The copy of it on the other side. */
static int carry(int fd)
{
	struct description description;
	struct refusal refusal;

	CHECK_EQ(find(fd, NULL, &description, &refusal), 1);
	CHECK(kind_timerfd.read(&description.image, NULL, NULL, false));
	CHECK_EQ(kind_timerfd.write(&frozen, &description, &refusal), 0);
	CHECK(kind_timerfd.read(&description.image, NULL, NULL, true));
	int copy = kind_timerfd.open(&restore, &description, &refusal);

	CHECK(copy >= 0 && fcntl(copy, F_GETFL) == (O_RDWR | O_NONBLOCK));
	return copy;
}

static int make(int clock, uint32_t flags, int64_t first_ns, int64_t interval_ns)
{
	int fd = os_timerfd_new(clock);

	CHECK_EQ(os_timerfd_set(fd, flags, first_ns, interval_ns), 0);
	return fd;
}

static uint64_t take(int fd)
{
	uint64_t ticks = 0;

	return read(fd, &ticks, sizeof(ticks)) == sizeof(ticks) ? ticks : 0;
}

static void await(int fd)
{
	CHECK_EQ(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000), 1);
}

static void test_running(void)
{
	static const struct {
		int clock;
		uint32_t flags;
		int64_t interval_ns;
	} cases[] = {
		{ CLOCK_MONOTONIC, 0, 0 },
		{ CLOCK_BOOTTIME, 0, 77 * OS_SECOND_NS + 1 },
		{ CLOCK_REALTIME, OS_TIMERFD_ABSOLUTE | OS_TIMERFD_CANCEL, 0 },
		{ CLOCK_MONOTONIC, OS_TIMERFD_ABSOLUTE, 5 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool absolute = cases[i].flags & OS_TIMERFD_ABSOLUTE;
		int fd = make(cases[i].clock, cases[i].flags,
			      (absolute ? os_clock_ns(cases[i].clock) : 0) + FAR_NS,
			      cases[i].interval_ns);
		int copy = carry(fd);
		struct os_timerfd one, other;

		CHECK(os_timerfd_look(fd, &one) == 0 && os_timerfd_look(copy, &other) == 0);
		CHECK(other.clock == one.clock && other.flags == one.flags && !other.ticks &&
		      other.interval_ns == one.interval_ns);
		CHECK(other.left_ns <= one.left_ns + (absolute ? 0 : OS_SECOND_NS * 10) &&
		      other.left_ns > FAR_NS / 2);
		close(copy);
		close(fd);
	}
}

static void test_not_armed(void)
{
	int fd = make(CLOCK_MONOTONIC, 0, 0, 9);
	int copy = carry(fd);
	struct os_timerfd timer;

	CHECK(os_timerfd_look(copy, &timer) == 0 && !timer.left_ns && timer.interval_ns == 9);
	CHECK_EQ(take(copy), 0);
	close(copy);
	close(fd);
}

static void test_expired_once(void)
{
	int fd = make(CLOCK_REALTIME, 0, 1, 0);

	await(fd);
	int copy = carry(fd), again = carry(copy);

	CHECK_EQ(take(again), 1);
	CHECK_EQ(take(again), 0);
	CHECK_EQ(take(copy), 1);
	CHECK_EQ(take(fd), 1);
	close(again);
	close(copy);
	close(fd);
}

/* Of moments of a clock each is counted once, however short the time between them is. */
static void test_moments(void)
{
	static const int64_t intervals[] = { OS_MS_NS, 10 * OS_US_NS, 100 };

	for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
		int64_t first = os_now_ns();
		int fd = make(CLOCK_MONOTONIC, OS_TIMERFD_ABSOLUTE, first, intervals[i]);

		await(fd);
		int copy = carry(fd);
		int64_t least = (os_now_ns() - first) / intervals[i];

		await(copy);
		poll(NULL, 0, 5); /* those that it was set to have counted come true */
		int64_t ticks = (int64_t)take(copy);
		int64_t most = (os_now_ns() - first) / intervals[i] + 1;

		CHECK(ticks >= least && ticks <= most);
		close(copy);
		close(fd);
	}
}

/* A timer that is due all the time goes on, with its expirations. */
static void test_due(void)
{
	int fd = make(CLOCK_MONOTONIC, 0, 1, 1);

	await(fd);
	int copy = carry(fd);

	CHECK(take(copy) > 1);
	await(copy);
	close(copy);
	close(fd);
}

/* The kernel has not come to count the expiration of one that had a rest when it was found. */
static void test_due_now(void)
{
	struct description description;
	struct refusal refusal;
	int fd = make(CLOCK_MONOTONIC, 0, 0, 0);

	CHECK_EQ(
		find(fd,
		     "clockid: 1\nticks: 0\nsettime flags: 00\nit_value: (0, 5)\nit_interval: (0, 0)\n",
		     &description, &refusal),
		1);
	CHECK_EQ(kind_timerfd.write(&frozen, &description, &refusal), 0);
	int copy = kind_timerfd.open(&restore, &description, &refusal);

	CHECK_EQ(take(copy), 1);
	close(copy);
	close(fd);
}

static void test_refused(void)
{
	struct description description;
	struct refusal refusal;

	CHECK(is_refusal(find(0, "pos:\t0\n", &description, &refusal), &refusal, EDVSPROCSTS,
			 "cannot be seen"));
	CHECK(is_refusal(find(0,
			      "clockid: 2\nticks: 0\nsettime flags: 00\nit_value: (0, 5)\n"
			      "it_interval: (0, 0)\n",
			      &description, &refusal),
			 &refusal, EDVSPROCSTS, "cannot be seen"));
	CHECK(is_refusal(find(0,
			      "clockid: 0\nticks: 1\nsettime flags: 03\nit_value: (0, 5)\n"
			      "it_interval: (0, 0)\n",
			      &description, &refusal),
			 &refusal, EDVSPROCSTS, "its clock was set"));
	const struct kind_seen other = { .link = "anon_inode:[eventfd]", .info = "" };

	CHECK_EQ(kind_timerfd.find(&other, &description.image, &refusal), 0);
	CHECK_EQ(
		find(0,
		     "clockid: 1\nticks: 0\nsettime flags: 00\nit_value: (0, 5)\nit_interval: (0, 0)\n",
		     &description, &refusal),
		1);
	description.number = 9999;
	CHECK(is_refusal(kind_timerfd.write(&frozen, &description, &refusal), &refusal, EDVSPROCSTS,
			 "cannot be looked at"));
}

/* A body that came from outside: times below zero, clocks and flags that there are not. */
static void test_bad_body(void)
{
	static const struct {
		int at, byte;
		bool good;
	} cases[] = {
		{ 0, 1, true },	     { 7, 0x80, false }, { 15, 0x80, false },
		{ 16, 5, true },     { 24, 2, false },	 { 24, 9, true },
		{ 27, 0x80, false }, { 28, 1, true },	 { 28, 4, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct image_description image = { 0 };

		image.body[24] = CLOCK_MONOTONIC;
		image.body[cases[i].at] = (uint8_t)cases[i].byte;
		CHECK_EQ(kind_timerfd.read(&image, NULL, NULL, true), cases[i].good);
	}
	struct image_description image = { .body = { [16] = 1, [28] = OS_TIMERFD_CANCEL } };

	CHECK(!kind_timerfd.read(&image, NULL, NULL,
				 true)); /* nobody can say what there is to be read */
}

int main(void)
{
	frozen.pid = getpid();
	restore.dir = procdir_open(getpid());
	TEST(test_running);
	TEST(test_not_armed);
	TEST(test_expired_once);
	TEST(test_moments);
	TEST(test_due);
	TEST(test_due_now);
	TEST(test_refused);
	TEST(test_bad_body);
	close(restore.dir);
	return test_end();
}
