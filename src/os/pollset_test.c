// SPDX-License-Identifier: Apache-2.0
#include "os/pollset.h"

#include <errno.h>
#include <unistd.h>

#include "base/test.h"
#include "os/socket.h"

static void test_stands_for_another(void)
{
	OS_CLEANUP_FD int set = os_pollset_new();
	int pair[2];
	char c;

	CHECK_OR_RETURN(set >= 0);
	CHECK_OR_RETURN(!os_unix_pair(OS_STREAM, pair));
	CHECK_EQ(os_pollset_change(set, pair[0], OS_READ), -ENOENT);
	CHECK_EQ(os_pollset_add(set, pair[0], OS_READ), 0);
	CHECK_EQ(os_poll(set, OS_READ, 0), -ETIMEDOUT);
	CHECK_EQ(write(pair[1], "x", 1), 1);
	CHECK_EQ(os_poll(set, OS_READ, 1000), 0);
	CHECK_EQ(read(pair[0], &c, 1), 1);
	CHECK_EQ(os_poll(set, OS_READ, 0), -ETIMEDOUT);
	CHECK_EQ(os_pollset_change(set, pair[0], OS_READ | OS_WRITE), 0);
	CHECK_EQ(os_poll(set, OS_READ, 1000), 0);
	CHECK_EQ(os_pollset_change(set, pair[0], 0), 0);
	CHECK_EQ(write(pair[1], "x", 1), 1);
	CHECK_EQ(os_poll(set, OS_READ, 0), -ETIMEDOUT);
	close(pair[0]);
	close(pair[1]);
}

static void test_time(void)
{
	OS_CLEANUP_FD int set = os_pollset_new();
	int pair[2], timer;

	CHECK_OR_RETURN(!os_unix_pair(OS_STREAM, pair));
	CHECK_EQ(os_pollset_add(set, pair[0], OS_READ), 0);
	close(pair[1]); /* a stream that has ended can be read for ever */
	CHECK_EQ(os_poll(set, OS_READ, 0), 0);
	os_pollset_remove(set, pair[0]);
	CHECK_EQ(os_poll(set, OS_READ, 0), -ETIMEDOUT);
	timer = os_pollset_timer(set, 50);
	CHECK(timer >= 0);
	CHECK_EQ(os_poll(timer, OS_READ, 0), -ETIMEDOUT);
	CHECK_EQ(os_poll(set, OS_READ, 5000), 0);
	CHECK_EQ(os_poll(timer, OS_READ, 0), 0);
	os_close(timer);
	CHECK_EQ(os_poll(set, OS_READ, 0), -ETIMEDOUT);
	close(pair[0]);
}

int main(void)
{
	TEST(test_stands_for_another);
	TEST(test_time);
	return test_end();
}
