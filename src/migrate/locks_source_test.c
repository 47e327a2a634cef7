/* SPDX-License-Identifier: Apache-2.0 */
/* Locks as an fdinfo shows them, and the processes that wait for them, by a made-up /proc/locks. */
#include "migrate/locks.h"

#include <string.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"

#define INFO(line) "pos:\t0\nflags:\t0100002\nlock:\t" line "\nino:\t5\n"

static struct refusal refusal;
static struct locks locks;

static bool moves(const void *ctx, pid_t pid)
{
	(void)ctx;
	return pid == 20;
}

static int read_them(const char *info, const char *all)
{
	struct locks_look look = { .all = { .text = (char *)all }, .moves = moves };

	refusal = REFUSAL_NONE;
	locks.count = 0;
	return locks_read(&locks, &look, 7, info, &refusal);
}

static void test_read(void)
{
	CHECK_EQ(read_them("pos:\t0\nflags:\t02\n", ""), 0);
	CHECK_EQ(locks.count, 0);
	CHECK_EQ(read_them(INFO("1: POSIX  ADVISORY  WRITE 20 08:01:5 10 19\n"
				"lock:\t2: FLOCK  ADVISORY  READ 20 08:01:5 0 EOF\n"
				"lock:\t3: OFDLCK ADVISORY  READ -1 08:01:5 30 EOF"),
			   ""),
		 0);
	CHECK_EQ(locks.count, 3);
	const struct image_lock *lock = locks.lock;

	CHECK(lock[0].number == 7 && lock[0].owner == IMAGE_LOCK_PROCESS && lock[0].exclusive &&
	      lock[0].start == 10 && lock[0].length == 10 && !lock[0].awaited);
	CHECK(lock[1].owner == IMAGE_LOCK_DESCRIPTION_ALL && !lock[1].exclusive);
	CHECK(lock[2].owner == IMAGE_LOCK_DESCRIPTION && lock[2].start == 30 && !lock[2].length);
}

static void test_of_description(void)
{
	CHECK(!locks_are_of_description("pos:\t0\n"));
	CHECK(!locks_are_of_description(INFO("1: POSIX  ADVISORY  WRITE 20 08:01:5 10 19")));
	CHECK(locks_are_of_description(INFO("1: FLOCK  ADVISORY  WRITE 20 08:01:5 0 EOF")));
	CHECK(locks_are_of_description(INFO("1: OFDLCK ADVISORY  READ -1 08:01:5 0 EOF")));
}

static void test_awaited(void)
{
	static const char own[] = INFO("1: POSIX  ADVISORY  WRITE 20 08:01:5 0 EOF");

	CHECK(is_refusal(read_them(own, "1: -> POSIX  ADVISORY  READ 31 08:01:5 0 EOF\n"), &refusal,
			 EDVSPROCSTS, "process 31 waits for the file lock"));
	CHECK_EQ(read_them(own, "1: -> POSIX  ADVISORY  READ 20 08:01:5 0 EOF\n"), 0);
	CHECK_EQ(locks_check(&locks, &refusal), 0);
	/* Of one that is not known nothing can be said before all that move are stopped. */
	CHECK_EQ(read_them(own, "1: -> OFDLCK ADVISORY  READ -1 08:01:5 0 EOF\n"), 0);
	CHECK(is_refusal(locks_check(&locks, &refusal), &refusal, EDVSPROCSTS,
			 "a process waits for the file lock"));
	/* The description may go along with its lock: the target knows. */
	CHECK_EQ(read_them(INFO("1: FLOCK  ADVISORY  WRITE 20 08:01:5 0 EOF"),
			   "1: -> FLOCK  ADVISORY  READ 31 08:01:5 0 EOF\n"),
		 0);
	CHECK(locks.count == 1 && locks.lock[0].awaited == 31);
	CHECK_EQ(locks_check(&locks, &refusal), 0);
}

static void test_refused(void)
{
	CHECK_EQ(read_them(INFO("1: LEASE  ACTIVE    READ 20 08:01:5 0 EOF"), ""), 0);
	CHECK(locks.count == 1 && locks.lock[0].owner == IMAGE_LOCK_LEASE);
	CHECK(locks.lock[0].awaited == 0);
	/* It may go along with its description: the target knows. */
	CHECK_EQ(read_them(INFO("1: LEASE  BREAKING  UNLCK 20 08:01:5 0 EOF"), ""), 0);
	CHECK(locks.count == 1 && locks.lock[0].awaited == -1);
	CHECK_EQ(locks_check(&locks, &refusal), 0);
	CHECK(is_refusal(read_them(INFO("1: NEW    KIND      READ 20 08:01:5 0 EOF"), ""), &refusal,
			 EDVSPROCSTS, "of a kind on descriptor 7"));
}

int main(void)
{
	TEST(test_read);
	TEST(test_of_description);
	TEST(test_awaited);
	TEST(test_refused);
	locks_free(&locks);
	return test_end();
}
