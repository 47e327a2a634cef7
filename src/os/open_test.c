/* SPDX-License-Identifier: Apache-2.0 */
#include "os/open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

#define MIB (1u << 20)

static char folder[] = "/tmp/os_open_test.XXXXXX";
static int at = -1; /* the folder */

static void put(const char *name, const char *text)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void set_up(void)
{
	CHECK(mkdtemp(folder));
	at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(at >= 0);
	put("file", "outer");
	CHECK_EQ(mkdirat(at, "root", 0700), 0);
	put("root/file", "inner text");
	CHECK_EQ(symlinkat("/file", at, "root/absolute"), 0);
	CHECK_EQ(symlinkat("../../file", at, "root/upwards"), 0);
}

static void tear_down(void)
{
	unlinkat(at, "root/upwards", 0);
	unlinkat(at, "root/absolute", 0);
	unlinkat(at, "root/file", 0);
	unlinkat(at, "root", AT_REMOVEDIR);
	unlinkat(at, "file", 0);
	close(at);
	rmdir(folder);
}

/* The text of an open file, which is closed; "" for an error. */
static const char *text_of(int fd)
{
	static char text[32];
	ssize_t got = fd >= 0 ? os_read_at(fd, text, sizeof(text) - 1, 0) : 0;

	text[got > 0 ? got : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static void test_at(void)
{
	int fd = os_open_at(at, "file", OS_OPEN_READ);

	CHECK(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK(!strcmp(text_of(fd), "outer"));
	CHECK_EQ(os_open_at(at, "nothing", OS_OPEN_READ), -ENOENT);
	CHECK_EQ(os_open_at(at, "file", OS_OPEN_READ | OS_OPEN_FOLDER), -ENOTDIR);
	CHECK_EQ(os_open_at(at, "root", OS_OPEN_WRITE), -EISDIR);
	CHECK_EQ(os_open_at(at, "root/absolute", OS_OPEN_READ | OS_OPEN_NO_LINK), -ELOOP);
}

/* No name leads out: neither a link nor a step upwards. */
static void test_below(void)
{
	static const char *const names[] = { "/file", "file", "absolute", "upwards", "../../file" };
	int root = os_open_at(at, "root", OS_OPEN_PATH | OS_OPEN_FOLDER);
	int fd = os_open_below(root, "/file", OS_OPEN_READ);

	CHECK(root >= 0);
	if (fd == -ENOSYS || fd == -EPERM) {
		test_skip("the kernel or its filter has no openat2");
		close(root);
		return;
	}
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK(!strcmp(text_of(os_open_below(root, names[i], OS_OPEN_READ)), "inner text"));
	CHECK_EQ(os_open_below(root, "/root/file", OS_OPEN_READ), -ENOENT);
	close(root);
}

/* A description of its own: another position, another way of opening. */
static void test_again(void)
{
	int path = os_open_at(at, "file", OS_OPEN_PATH), fd = os_open_again(path, OS_OPEN_BOTH);
	char c;

	CHECK_EQ(os_read_at(path, &c, 1, 0), -EBADF);
	CHECK(fd >= 0);
	CHECK_EQ(read(fd, &c, 1), 1);

	int second = os_open_again(fd, OS_OPEN_READ);

	CHECK_EQ(lseek(second, 0, SEEK_CUR), 0);
	CHECK_EQ(fcntl(second, F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK(fcntl(second, F_GETFD) & FD_CLOEXEC);
	close(second);
	close(fd);
	close(path);
	CHECK_EQ(os_open_again(fd, OS_OPEN_READ), -ENOENT);
}

static void test_flags(void)
{
	int fd = os_open_at(at, "file", OS_OPEN_BOTH);

	CHECK_EQ(os_open_set_flags(fd, OS_OPEN_APPEND | OS_OPEN_NONBLOCK), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK | O_ACCMODE),
		 O_APPEND | O_NONBLOCK | O_RDWR);
	CHECK_EQ(os_open_set_flags(fd, OS_OPEN_APPEND), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND);
	close(fd);
	CHECK_EQ(os_open_set_flags(fd, 0), -EBADF);
}

static void test_owner(void)
{
	int ends[2];

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	CHECK(!os_open_has_owner(ends[0]));
	CHECK_EQ(fcntl(ends[0], F_SETOWN, getpid()), 0);
	CHECK(os_open_has_owner(ends[0]));
	CHECK(!os_open_has_owner(ends[1]));
	CHECK_EQ(fcntl(ends[0], F_SETOWN, -getpgrp()), 0);
	CHECK(os_open_has_owner(ends[0])); /* a group is one, too */
	CHECK_EQ(fcntl(ends[0], F_SETOWN, 0), 0);
	CHECK(!os_open_has_owner(ends[0]));
	close(ends[0]);
	close(ends[1]);
	CHECK(!os_open_has_owner(ends[0]));
}

static void test_at_a_position(void)
{
	int fd = os_open_at(at, "root/file", OS_OPEN_BOTH), ends[2];
	int reader = os_open_at(at, "root/file", OS_OPEN_READ);
	char text[16] = "";

	CHECK_EQ(os_read_at(fd, text, sizeof(text), 6), 4);
	CHECK(!strcmp(text, "text"));
	CHECK_EQ(os_read_at(fd, text, sizeof(text), 10), 0);
	CHECK_EQ(os_write_at(fd, "I", 1, 0), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0); /* which neither moves */
	CHECK_EQ(os_read_at(reader, text, 5, 0), 5);
	CHECK(!memcmp(text, "Inner", 5));
	CHECK_EQ(os_write_at(fd, "i", 1, 0), 1);
	CHECK_EQ(os_write_at(reader, "x", 1, 0), -EBADF);
	CHECK_EQ(os_seek(fd, 7), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
	CHECK_EQ(os_seek(fd, -1), -EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	CHECK_EQ(os_seek(ends[0], 0), -ESPIPE);
	CHECK_EQ(os_read_at(ends[0], text, 1, 0), -ESPIPE);
	close(ends[0]);
	close(ends[1]);
	close(reader);
	close(fd);
}

/* A page of data in the middle of a file of memory, perhaps a huge one, and the last byte. */
static void test_data(void)
{
	int fd = memfd_create("data", MFD_CLOEXEC);
	uint64_t start = 1, end = 2;

	CHECK(fd >= 0 && ftruncate(fd, 16 * MIB) == 0);
	CHECK_EQ(os_seek_data(fd, 0, 16 * MIB, &start, &end), 0);
	CHECK(start == 1 && end == 2);
	CHECK_EQ(os_write_at(fd, "x", 1, 8 * MIB + 5), 1);
	CHECK_EQ(os_seek_data(fd, 0, 16 * MIB, &start, &end), 1);
	CHECK_EQ(start, 8 * MIB);
	CHECK(end > 8 * MIB + 5 && end <= 10 * MIB);

	uint64_t hole = end;

	CHECK_EQ(os_seek_data(fd, 8 * MIB + 3, 16 * MIB, &start, &end), 1);
	CHECK(start == 8 * MIB + 3 && end == hole);
	CHECK_EQ(os_seek_data(fd, 0, 8 * MIB + 7, &start, &end), 1); /* no further than the limit */
	CHECK(start == 8 * MIB && end == 8 * MIB + 7);
	CHECK_EQ(os_seek_data(fd, 0, 8 * MIB, &start, &end), 0);
	CHECK_EQ(os_seek_data(fd, hole, 16 * MIB, &start, &end), 0);
	CHECK_EQ(os_seek_data(fd, 16 * MIB, 17 * MIB, &start, &end), 0); /* the end of the file */
	CHECK_EQ(os_write_at(fd, "x", 1, 16 * MIB - 1), 1);
	CHECK_EQ(os_seek_data(fd, hole, 17 * MIB, &start, &end), 1);
	CHECK(start >= 14 * MIB && end == 16 * MIB);
	close(fd);
	CHECK_EQ(os_seek_data(fd, 0, MIB, &start, &end), -EBADF);
}

int main(void)
{
	set_up();
	TEST(test_at);
	TEST(test_below);
	TEST(test_again);
	TEST(test_flags);
	TEST(test_owner);
	TEST(test_at_a_position);
	TEST(test_data);
	tear_down();
	return test_end();
}
