/* SPDX-License-Identifier: Apache-2.0 */
#include "os/eventfd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/test.h"

static int fresh(bool semaphore)
{
	int fd = os_eventfd_new(semaphore);

	CHECK(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0); /* so that this test never waits */
	return fd;
}

static void test_counter(void)
{
	uint64_t taken = 77;
	int fd = fresh(false);

	CHECK_EQ(os_eventfd_take(fd, &taken), -EAGAIN);
	CHECK_EQ(os_eventfd_add(fd, 3), 0);
	CHECK_EQ(os_eventfd_add(fd, 1ull << 40), 0);
	CHECK_EQ(os_eventfd_take(fd, &taken), 0);
	CHECK_EQ(taken, (1ull << 40) + 3);
	CHECK_EQ(os_eventfd_take(fd, &taken), -EAGAIN);
	close(fd);
}

static void test_semaphore(void)
{
	uint64_t taken = 77;
	int fd = fresh(true);

	CHECK_EQ(os_eventfd_add(fd, 2), 0);
	for (int i = 0; i < 2; i++) {
		taken = 77;
		CHECK_EQ(os_eventfd_take(fd, &taken), 0);
		CHECK_EQ(taken, 1);
	}
	CHECK_EQ(os_eventfd_take(fd, &taken), -EAGAIN);
	close(fd);
}

/* Nothing wakes nobody: a reader would get a count of 0, which there is not. */
static void test_nothing(void)
{
	uint64_t taken;
	int fd = fresh(false);

	CHECK_EQ(os_eventfd_add(fd, 0), 0);
	CHECK_EQ(os_eventfd_take(fd, &taken), -EAGAIN);
	close(fd);
}

static void test_refused(void)
{
	uint64_t taken;
	int fd = fresh(false);

	CHECK_EQ(os_eventfd_add(fd, UINT64_MAX - 1), 0);
	CHECK_EQ(os_eventfd_add(fd, 1), -EAGAIN); /* full */
	CHECK_EQ(os_eventfd_take(fd, &taken), 0);
	CHECK_EQ(taken, UINT64_MAX - 1);
	close(fd);
	CHECK_EQ(os_eventfd_add(fd, 1), -EBADF);
	CHECK_EQ(os_eventfd_take(fd, &taken), -EBADF);
}

int main(void)
{
	TEST(test_counter);
	TEST(test_semaphore);
	TEST(test_nothing);
	TEST(test_refused);
	return test_end();
}
