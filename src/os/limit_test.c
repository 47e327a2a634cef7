/* SPDX-License-Identifier: Apache-2.0 */
#include "os/limit.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/sleeper_test.h"

static void test_read(void)
{
	struct os_limit limit = { 0 };
	struct rlimit now;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &now), 0);
	CHECK_EQ(os_limit(0, OS_LIMIT_DESCRIPTORS, &limit), 0);
	CHECK_EQ(limit.soft, now.rlim_cur);
	CHECK_EQ(limit.hard, now.rlim_max);
	limit = (struct os_limit){ 0 };
	CHECK_EQ(os_limit(getpid(), OS_LIMIT_DESCRIPTORS, &limit), 0);
	CHECK_EQ(limit.soft, now.rlim_cur);
}

/* Of another process, and each limit for itself. */
static void test_set(void)
{
	struct os_limit limit, before, wanted = { .soft = 20, .hard = 31 };
	pid_t pid = sleeper();

	CHECK_EQ(os_limit(pid, OS_LIMIT_CPU, &before), 0);
	CHECK_EQ(os_limit_set(pid, OS_LIMIT_DESCRIPTORS, &wanted), 0);
	CHECK_EQ(os_limit(pid, OS_LIMIT_DESCRIPTORS, &limit), 0);
	CHECK_EQ(limit.soft, 20);
	CHECK_EQ(limit.hard, 31);
	CHECK_EQ(os_limit(pid, OS_LIMIT_CPU, &limit), 0);
	CHECK_EQ(limit.soft, before.soft);
	CHECK_EQ(limit.hard, before.hard);
	CHECK_EQ(os_limit(getpid(), OS_LIMIT_DESCRIPTORS, &limit), 0);
	CHECK(limit.hard != 31);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	limit = (struct os_limit){ 1, 2 };
	CHECK_EQ(os_limit(pid, OS_LIMIT_DESCRIPTORS, &limit), -ESRCH);
	CHECK(limit.soft == 1 && limit.hard == 2);
	CHECK_EQ(os_limit_set(pid, OS_LIMIT_DESCRIPTORS, &wanted), -ESRCH);
}

/* No process has more descriptors than the machine gives, root included. */
static void test_refused(void)
{
	const struct os_limit endless = { OS_LIMIT_NONE, OS_LIMIT_NONE };
	struct os_limit before, after;

	CHECK_EQ(os_limit(0, OS_LIMIT_DESCRIPTORS, &before), 0);
	CHECK_EQ(os_limit_set(0, OS_LIMIT_DESCRIPTORS, &endless), -EPERM);
	CHECK_EQ(os_limit_set(0, (enum os_limit_of)RLIM_NLIMITS, &before), -EINVAL);
	CHECK_EQ(os_limit(0, (enum os_limit_of)RLIM_NLIMITS, &after), -EINVAL);
	CHECK_EQ(os_limit(0, OS_LIMIT_DESCRIPTORS, &after), 0);
	CHECK(before.soft == after.soft && before.hard == after.hard);
}

int main(void)
{
	TEST(test_read);
	TEST(test_set);
	TEST(test_refused);
	return test_end();
}
