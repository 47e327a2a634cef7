/* SPDX-License-Identifier: Apache-2.0 */
#include "os/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/test.h"
#include "os/procdir.h"

static void test_lines(void)
{
	struct os_file_lock lock;

	CHECK(os_file_lock_parse("1: POSIX  ADVISORY  WRITE 1234 08:01:5678 10 19\n", &lock));
	CHECK(lock.owner == OS_FILE_LOCK_PROCESS && lock.exclusive && !lock.waits);
	CHECK(lock.pid == 1234 && strcmp(lock.object, "08:01:5678") == 0);
	CHECK(lock.start == 10 && lock.length == 10);
	CHECK(os_file_lock_parse("1: -> OFDLCK ADVISORY  READ -1 00:2f:9 5 EOF\n", &lock));
	CHECK(lock.owner == OS_FILE_LOCK_DESCRIPTION && !lock.exclusive && lock.waits);
	CHECK(lock.pid == -1 && lock.start == 5 && lock.length == 0);
	CHECK(os_file_lock_parse("2: FLOCK  ADVISORY  WRITE 7 00:2f:9 0 EOF\n", &lock));
	CHECK(lock.owner == OS_FILE_LOCK_DESCRIPTION_ALL);
	CHECK(os_file_lock_parse("3: LEASE  ACTIVE    READ 7 00:2f:9 0 EOF\n", &lock));
	CHECK(lock.owner == OS_FILE_LOCK_LEASE && !lock.is_breaking);
	CHECK(os_file_lock_parse("3: LEASE  BREAKING  READ 7 00:2f:9 0 EOF\n", &lock));
	CHECK(lock.is_breaking);
	CHECK(os_file_lock_parse("3: LEASE  BREAKING  UNLCK 7 00:2f:9 0 EOF\n", &lock));
	CHECK(lock.is_breaking &&
	      !os_file_lock_parse("3: LEASE  ACTIVE  UNLCK 7 00:2f:9 0 EOF", &lock));
	CHECK(!os_file_lock_parse("3: DELEG  ACTIVE    READ 7 00:2f:9 0 EOF\n", &lock));
	CHECK(!os_file_lock_parse("3: POSIX  ADVISORY  WRITE 1\n", &lock));
	CHECK(!os_file_lock_parse("", &lock));
}

static bool moves(const void *ctx, pid_t pid)
{
	return pid == *(const pid_t *)ctx;
}

static void test_awaited(void)
{
	static const char all[] = "1: POSIX  ADVISORY  WRITE 10 08:01:5 0 9\n"
				  "1: -> POSIX  ADVISORY  READ 11 08:01:5 5 5\n"
				  "2: FLOCK  ADVISORY  WRITE 12 08:01:6 0 EOF\n"
				  "2: -> OFDLCK ADVISORY  READ -1 08:01:7 0 EOF\n";
	const pid_t eleven = 11, nobody = 0;
	struct os_file_lock lock;

	CHECK(os_file_lock_parse("1: POSIX  ADVISORY  WRITE 10 08:01:5 0 9\n", &lock));
	CHECK_EQ(os_file_lock_awaited(all, &lock, moves, &nobody), 11);
	CHECK_EQ(os_file_lock_awaited(all, &lock, moves, &eleven), 0);
	CHECK(os_file_lock_parse("1: POSIX  ADVISORY  WRITE 10 08:01:5 6 9\n", &lock));
	CHECK_EQ(os_file_lock_awaited(all, &lock, moves, &nobody), 0);
	CHECK(os_file_lock_parse("1: POSIX  ADVISORY  WRITE 10 08:01:6 0 EOF\n", &lock));
	CHECK_EQ(os_file_lock_awaited(all, &lock, moves, &nobody), 0);
	CHECK(os_file_lock_parse("1: POSIX  ADVISORY  WRITE 10 08:01:7 0 EOF\n", &lock));
	CHECK_EQ(os_file_lock_awaited(all, &lock, moves, &eleven), -1);
	/* Two readers, and an owner of the other sort, are in nobody's way. */
	CHECK(os_file_lock_parse("1: POSIX  ADVISORY  READ 10 08:01:7 0 EOF\n", &lock));
	CHECK_EQ(os_file_lock_awaited(all, &lock, moves, &nobody), 0);
	CHECK(os_file_lock_parse("1: FLOCK  ADVISORY  WRITE 10 08:01:7 0 EOF\n", &lock));
	CHECK_EQ(os_file_lock_awaited(all, &lock, moves, &nobody), 0);
}

/* As this machine's kernel shows them. */
static void test_real(void)
{
	char name[] = "/tmp/dvs-file-lock-XXXXXX", info[48];
	struct flock range = { .l_type = F_WRLCK, .l_start = 100, .l_len = 50 };
	struct procdir_text text = { 0 };
	int fd = mkstemp(name), counts[OS_FILE_LOCK_LEASE + 1] = { 0 };
	struct os_file_lock lock;

	CHECK(fd >= 0 && fcntl(fd, F_SETLK, &range) == 0);
	range = (struct flock){ .l_type = F_RDLCK, .l_start = 200 };
	CHECK(fcntl(fd, F_OFD_SETLK, &range) == 0 && flock(fd, LOCK_SH) == 0);
	snprintf(info, sizeof(info), "/proc/self/fdinfo/%d", fd);
	CHECK_EQ(procdir_read(AT_FDCWD, info, &text), 0);
	const char *at = text.text;

	while (os_file_lock_next(&at, &lock) == 1) {
		counts[lock.owner]++;
		if (lock.owner == OS_FILE_LOCK_PROCESS)
			CHECK(lock.start == 100 && lock.length == 50 && lock.exclusive &&
			      lock.pid == getpid());
		if (lock.owner == OS_FILE_LOCK_DESCRIPTION)
			CHECK(lock.start == 200 && lock.length == 0 && !lock.exclusive);
	}
	CHECK(counts[OS_FILE_LOCK_PROCESS] == 1 && counts[OS_FILE_LOCK_DESCRIPTION] == 1 &&
	      counts[OS_FILE_LOCK_DESCRIPTION_ALL] == 1);
	at = "pos:\t0\nlock:\t1: NEW  KIND  READ 7 00:2f:9 0 EOF\n";
	CHECK_EQ(os_file_lock_next(&at, &lock), -EPROTO);
	procdir_text_free(&text);
	close(fd);
	unlink(name);
}

int main(void)
{
	TEST(test_lines);
	TEST(test_awaited);
	TEST(test_real);
	return test_end();
}
