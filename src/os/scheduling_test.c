/* SPDX-License-Identifier: Apache-2.0 */
#include "os/scheduling.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#define POLICY_NORMAL	    0u
#define POLICY_BATCH	    3u
#define POLICY_IDLE	    5u
#define RESET_ON_FORK	    1u
/* The class that is for all users, and its last level. */
#define IO_BEST_EFFORT_LAST (2u << 13 | 7u)
#define IO_NO_CLASS	    (6u << 13)

static pid_t child;

/* One that can be made slower, which an ordinary user cannot take back. */
static void set_up(void)
{
	child = fork();
	if (child == 0)
		for (;;)
			pause();
}

static void tear_down(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void test_read(void)
{
	struct os_scheduling now = { .priority = 9 };

	CHECK_EQ(os_scheduling(0, &now), 0);
	CHECK_EQ(now.policy, sched_getscheduler(0) & 0xff);
	if (now.policy == POLICY_NORMAL) {
		CHECK_EQ(now.nice, getpriority(PRIO_PROCESS, 0));
		CHECK_EQ(now.priority, 0);
		CHECK_EQ(now.deadline, 0);
	}
}

static void test_set(void)
{
	struct os_scheduling now, wanted = { .policy = POLICY_BATCH, .nice = 19 };

	set_up();
	CHECK_EQ(os_scheduling_set(child, &wanted), 0);
	CHECK_EQ(os_scheduling(child, &now), 0);
	CHECK_EQ(now.policy, POLICY_BATCH);
	CHECK_EQ(now.nice, 19);
	CHECK_EQ(now.flags & RESET_ON_FORK, 0);
	wanted.flags = RESET_ON_FORK;
	CHECK_EQ(os_scheduling_set(child, &wanted), 0);
	CHECK_EQ(os_scheduling(child, &now), 0);
	CHECK_EQ(now.flags & RESET_ON_FORK, RESET_ON_FORK);
	wanted.policy = POLICY_IDLE;
	CHECK_EQ(os_scheduling_set(child, &wanted), 0);
	CHECK_EQ(os_scheduling(child, &now), 0);
	CHECK_EQ(now.policy, POLICY_IDLE);
	tear_down();
}

static void test_refused(void)
{
	struct os_scheduling before, after, wanted;

	set_up();
	CHECK_EQ(os_scheduling(child, &before), 0);
	wanted = (struct os_scheduling){ .policy = 77 };
	CHECK_EQ(os_scheduling_set(child, &wanted), -EINVAL);
	wanted = (struct os_scheduling){ .policy = POLICY_BATCH, .priority = 5 };
	CHECK_EQ(os_scheduling_set(child, &wanted), -EINVAL);
	CHECK_EQ(os_scheduling(child, &after), 0);
	CHECK_EQ(after.policy, before.policy);
	CHECK_EQ(after.nice, before.nice);
	tear_down();
	CHECK_EQ(os_scheduling(child, &after), -ESRCH);
	wanted = (struct os_scheduling){ .policy = POLICY_BATCH };
	CHECK_EQ(os_scheduling_set(child, &wanted), -ESRCH);
}

static void test_io_priority(void)
{
	set_up();
	CHECK_EQ(os_io_priority_set(child, IO_BEST_EFFORT_LAST), 0);
	CHECK_EQ(os_io_priority(child), IO_BEST_EFFORT_LAST);
	CHECK_EQ(os_io_priority_set(child, IO_NO_CLASS), -EINVAL);
	CHECK_EQ(os_io_priority(child), IO_BEST_EFFORT_LAST);
	tear_down();
	CHECK_EQ(os_io_priority(child), 0);
	CHECK_EQ(os_io_priority_set(child, IO_BEST_EFFORT_LAST), -ESRCH);
}

int main(void)
{
	TEST(test_read);
	TEST(test_set);
	TEST(test_refused);
	TEST(test_io_priority);
	return test_end();
}
