/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/cpu_time.h"

#include <sys/resource.h>

#include "base/test.h"

#define MS 1000000ull

static struct image_process limited(uint64_t current, uint64_t maximum)
{
	struct image_process process = { 0 };

	process.rlimit[RLIMIT_CPU] = (struct image_rlimit){ current, maximum };
	return process;
}

static void test_limits_go_down(void)
{
	struct image_process process = limited(100, 200);

	cpu_time_lower(&process, 30300 * MS, 0);
	CHECK_EQ(process.rlimit[RLIMIT_CPU].current, 70);
	CHECK_EQ(process.rlimit[RLIMIT_CPU].maximum, 170);
	CHECK_EQ(process.cpu_owed_ns, 300 * MS);
}

/* However often it moves, it gets less than a second more. */
static void test_many_short_lives(void)
{
	struct image_process process = limited(100, 100);

	for (int i = 0; i < 100; i++)
		cpu_time_lower(&process, 550 * MS, process.cpu_owed_ns);
	CHECK_EQ(process.rlimit[RLIMIT_CPU].current, 45);
	CHECK_EQ(process.cpu_owed_ns, 0);
}

static void test_without_limit_nothing_changes(void)
{
	struct image_process process = limited(RLIM_INFINITY, RLIM_INFINITY);

	cpu_time_lower(&process, 5000 * MS, 0);
	CHECK(process.rlimit[RLIMIT_CPU].current == RLIM_INFINITY);
	CHECK(process.rlimit[RLIMIT_CPU].maximum == RLIM_INFINITY);
}

/* A limit of no time at all would be one of no limit for kernels of old. */
static void test_some_time_is_left(void)
{
	struct image_process process = limited(5, RLIM_INFINITY);

	cpu_time_lower(&process, 5000 * MS, 0);
	CHECK_EQ(process.rlimit[RLIMIT_CPU].current, 1);
	cpu_time_lower(&process, 90000 * MS, 0);
	CHECK_EQ(process.rlimit[RLIMIT_CPU].current, 1);
}

int main(void)
{
	TEST(test_limits_go_down);
	TEST(test_many_short_lives);
	TEST(test_without_limit_nothing_changes);
	TEST(test_some_time_is_left);
	return test_end();
}
