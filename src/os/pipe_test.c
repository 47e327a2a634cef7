/* SPDX-License-Identifier: Apache-2.0 */
#include "os/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"

static int ends[2], more[2];

static void set_up(void)
{
	CHECK_EQ(os_pipe_new(ends), 0);
	CHECK_EQ(os_pipe_new(more), 0);
}

static void tear_down(void)
{
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(more[i]);
	}
}

static void test_new(void)
{
	set_up();
	CHECK_EQ(fcntl(ends[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK_EQ(fcntl(ends[1], F_GETFL) & O_ACCMODE, O_WRONLY);
	for (int i = 0; i < 2; i++) {
		CHECK(fcntl(ends[i], F_GETFD) & FD_CLOEXEC);
		CHECK(!(fcntl(ends[i], F_GETFL) & O_NONBLOCK));
	}
	tear_down();
}

/* A user who has many pipes gets small ones; making one smaller is never refused for that. */
static void test_capacity(void)
{
	int page = (int)sysconf(_SC_PAGESIZE);

	set_up();
	CHECK_EQ(os_pipe_set_capacity(ends[1], (uint32_t)page), 0);
	CHECK_EQ(os_pipe_capacity(ends[0]), page);
	CHECK_EQ(os_pipe_capacity(ends[1]), page);
	if (os_pipe_set_capacity(ends[0], (uint32_t)page + 1) == 0)
		CHECK_EQ(os_pipe_capacity(ends[1]), 2 * page);
	CHECK_EQ(os_pipe_capacity(-1), -EBADF);
	CHECK_EQ(os_pipe_set_capacity(-1, (uint32_t)page), -EBADF);
	tear_down();
}

static void test_bytes(void)
{
	char text[16] = "";

	set_up();
	CHECK_EQ(os_pipe_bytes(ends[0]), 0);
	CHECK_EQ(os_pipe_write(ends[1], "eleven bits", 11), 11);
	CHECK_EQ(os_pipe_bytes(ends[0]), 11);
	CHECK_EQ(os_pipe_read(ends[0], text, 6), 6);
	CHECK_EQ(os_pipe_bytes(ends[0]), 5);
	CHECK_EQ(os_pipe_read(ends[0], text + 6, sizeof(text) - 6), 5);
	CHECK(!strcmp(text, "eleven bits"));
	CHECK_EQ(os_pipe_bytes(-1), -EBADF);
	CHECK_EQ(os_pipe_read(ends[1], text, 1), -EBADF);
	CHECK_EQ(os_pipe_write(ends[0], text, 1), -EBADF);
	CHECK_EQ(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(os_pipe_read(ends[0], text, 1), -EAGAIN);
	tear_down();
}

/* One read gives one packet, however much there is room for. */
static void test_packets(void)
{
	char text[16];

	set_up();
	CHECK_EQ(fcntl(ends[1], F_SETFL, O_DIRECT), 0);
	CHECK_EQ(os_pipe_write(ends[1], "abc", 3), 3);
	CHECK_EQ(os_pipe_write(ends[1], "de", 2), 2);
	CHECK_EQ(os_pipe_read(ends[0], text, sizeof(text)), 3);
	CHECK_EQ(os_pipe_read(ends[0], text, sizeof(text)), 2);
	CHECK(!memcmp(text, "de", 2));
	tear_down();
}

static void test_copy_leaves_it(void)
{
	char text[16] = "";

	set_up();
	CHECK_EQ(os_pipe_copy(ends[0], more[1], 100), -EAGAIN);
	CHECK_EQ(os_pipe_write(ends[1], "abcdef", 6), 6);
	CHECK_EQ(os_pipe_copy(ends[0], more[1], 4), 4);
	CHECK_EQ(os_pipe_bytes(ends[0]), 6);
	CHECK_EQ(os_pipe_bytes(more[0]), 4);
	CHECK_EQ(os_pipe_read(more[0], text, sizeof(text)), 4);
	CHECK(!strcmp(text, "abcd"));
	CHECK_EQ(os_pipe_copy(ends[1], more[1], 1), -EBADF);
	tear_down();
}

/* Data that waits does not hide it, and a second writer is company. */
static void test_alone(void)
{
	char text[4];
	int second;

	set_up();
	second = dup(ends[1]);
	CHECK(!os_pipe_is_alone(ends[0]));
	CHECK(!os_pipe_is_alone(ends[1]));
	CHECK_EQ(os_pipe_write(ends[1], "abc", 3), 3);
	CHECK(!os_pipe_is_alone(ends[0]));
	close(ends[1]);
	CHECK(!os_pipe_is_alone(ends[0]));
	close(second);
	CHECK(os_pipe_is_alone(ends[0]));
	CHECK_EQ(os_pipe_read(ends[0], text, sizeof(text)), 3);
	CHECK_EQ(os_pipe_read(ends[0], text, sizeof(text)), 0);
	CHECK(os_pipe_is_alone(ends[0]));
	close(more[0]);
	CHECK(os_pipe_is_alone(more[1]));
	CHECK_EQ(os_pipe_write(more[1], text, 1), -EPIPE);
	CHECK(!os_pipe_is_alone(-1));
	close(ends[0]);
	close(more[1]);
}

static void test_has_writer(void)
{
	int ends[2];
	char byte;

	CHECK_EQ(os_pipe_new(ends), 0);
	CHECK(os_pipe_has_writer(ends[0]));
	CHECK_EQ(os_pipe_write(ends[1], "x", 1), 1);
	CHECK(os_pipe_has_writer(ends[0]));
	close(ends[1]);
	CHECK(!os_pipe_has_writer(ends[0]));
	CHECK_EQ(os_pipe_read(ends[0], &byte, 1), 1);
	CHECK(!os_pipe_has_writer(ends[0]));
	close(ends[0]);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	TEST(test_new);
	TEST(test_capacity);
	TEST(test_bytes);
	TEST(test_packets);
	TEST(test_copy_leaves_it);
	TEST(test_alone);
	TEST(test_has_writer);
	return test_end();
}
