/* SPDX-License-Identifier: Apache-2.0 */

#include <sys/resource.h>

#include "base/test.h"
#include "os/descriptors.h"

static rlim_t soft(void)
{
	struct rlimit limit;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit.rlim_cur;
}

static void test_raise_and_restore(void)
{
	struct rlimit limit;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 64;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(os_descriptors_restore(0), 0);
	CHECK_EQ(soft(), 64);
	CHECK_EQ(os_descriptors_raise(), 0);
	CHECK_EQ(soft(), limit.rlim_max);
	CHECK_EQ(os_descriptors_raise(), 0);
	CHECK_EQ(os_descriptors_restore(0), 0);
	CHECK_EQ(soft(), 64);
}

int main(void)
{
	TEST(test_raise_and_restore);
	return test_end();
}
