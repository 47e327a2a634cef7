/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

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

static void test_part_of_a_user(void)
{
	struct rlimit limit;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 64;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(os_descriptors_part(), 16);
	limit.rlim_cur = 160;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(os_descriptors_part(), 20);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_close_others(void)
{
	int fds[8], kept[4];

	for (int i = 0; i < 8; i++)
		fds[i] = dup(0);
	kept[0] = fds[5];
	kept[1] = fds[1];
	kept[2] = fds[5]; /* said twice */
	kept[3] = 1;
	os_descriptors_close_others(kept, 4);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(is_open(fds[i]), i == 1 || i == 5);
	CHECK(is_open(0) && is_open(1) && is_open(2));
	os_descriptors_close_others(kept, 0);
	CHECK(!is_open(fds[1]) && is_open(2));
}

int main(void)
{
	TEST(test_raise_and_restore);
	TEST(test_part_of_a_user);
	TEST(test_close_others);
	return test_end();
}
