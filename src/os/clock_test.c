// SPDX-License-Identifier: Apache-2.0
#include "os/clock.h"

#include "base/test.h"

static void test_monotonic_goes_on(void)
{
	int64_t a = os_now_ns(), b;

	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	b = os_now_ns();
	CHECK(b - a >= 2 * OS_MS_NS);
	CHECK(os_realtime_ns() > 1600000000ll * OS_SECOND_NS);
}

static void test_deadline(void)
{
	int64_t before = os_now_ns(), deadline = os_deadline_ns(1500);

	CHECK(deadline >= before + 1500 * OS_MS_NS);
	CHECK(deadline <= os_now_ns() + 1500 * OS_MS_NS);
	CHECK_EQ(os_deadline_ns(-5), -1);
}

static void test_timespec(void)
{
	struct timespec t = os_timespec(3 * OS_SECOND_NS + 17);

	CHECK_EQ(t.tv_sec, 3);
	CHECK_EQ(t.tv_nsec, 17);
}

int main(void)
{
	TEST(test_monotonic_goes_on);
	TEST(test_deadline);
	TEST(test_timespec);
	return test_end();
}
