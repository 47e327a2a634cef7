/* SPDX-License-Identifier: Apache-2.0 */
/* A child that Landlock restricts, and one that it does not, have to prove it. */
#include "migrate/landlock.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/held_test.h"
#include "migrate/made_proc_test.h"

static struct held held;

static int prove(void)
{
	CHECK_EQ(inventory_threads(&held.inventory), 0);
	held.refusal = REFUSAL_NONE;
	return landlock_prove_none(&held.calls, &held.inventory, &held.refusal);
}

/* The number of threads, once those that are ending have ended. */
static uint32_t threads_left(uint32_t wanted)
{
	for (int i = 0; i < 2000; i++, usleep(1000))
		if (inventory_threads(&held.inventory) == 0 &&
		    held.inventory.thread_count <= wanted)
			break;
	return held.inventory.thread_count;
}

/* Whether the thread has given up privileges, and the lowest number that a descriptor of it would get. */
static void look(int64_t *privileges, int64_t *lowest)
{
	calls_begin(&held.calls, &held.foothold, &held.tracee);
	uint32_t asked = calls_add(&held.calls, "ask", CALL_OK, SYS_prctl, PR_GET_NO_NEW_PRIVS);
	uint32_t next = calls_add(&held.calls, "ask", CALL_OK, SYS_dup, 0);

	CHECK_EQ(calls_run(&held.calls), 0);
	*privileges = calls_result(&held.calls, asked);
	*lowest = calls_result(&held.calls, next);
	calls_begin(&held.calls, &held.foothold, &held.tracee);
	calls_add(&held.calls, "close", CALL_OK, SYS_close, (uint64_t)*lowest);
	CHECK_EQ(calls_run(&held.calls), 0);
}

/* It leaves nothing behind: no thread, no privilege given up, no descriptor. */
static void test_free(void)
{
	int64_t privileges[2], lowest[2];

	if (!held_begin(&held, held_stay))
		return;
	CHECK_EQ(inventory_threads(&held.inventory), 0);
	uint32_t before = held.inventory.thread_count;

	look(&privileges[0], &lowest[0]);
	CHECK_EQ(prove(), 0);
	CHECK_EQ(threads_left(before), before);
	look(&privileges[1], &lowest[1]);
	CHECK_EQ(privileges[0], privileges[1]);
	CHECK_EQ(lowest[0], lowest[1]);
	CHECK_EQ(prove(), 0); /* as often as it is asked */
	held_end(&held);
}

static void be_restricted(void)
{
	struct landlock_ruleset_attr rules = { .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE };
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(uint64_t), 0);

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_landlock_restrict_self, fd, 0))
		_exit(1);
	held_stay();
}

static void test_restricted(void)
{
	if (!held_begin(&held, be_restricted))
		return;
	CHECK(is_refusal(prove(), &held.refusal, EDVSPROCSTS, "is restricted by Landlock"));
	held_end(&held);
}

/* A process that may start no thread cannot prove anything: it is refused. */
static void test_ended(void)
{
	if (!held_begin(&held, held_stay))
		return;
	CHECK_EQ(inventory_threads(&held.inventory), 0);
	kill(held.pid, SIGKILL);
	held.refusal = REFUSAL_NONE;
	CHECK(is_refusal(landlock_prove_none(&held.calls, &held.inventory, &held.refusal),
			 &held.refusal, EDVSSRCH, "has ended"));
	held_end(&held);
}

int main(void)
{
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 0) {
		test_skip("the kernel has no Landlock");
		return test_end();
	}
	TEST(test_free);
	TEST(test_restricted);
	TEST(test_ended);
	return test_end();
}
