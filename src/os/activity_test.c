/* SPDX-License-Identifier: Apache-2.0 */
#include "os/activity.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

static pid_t begin(void (*what)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		what();
		_exit(1);
	}
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void be_asleep(void)
{
	for (;;)
		pause();
}

static void be_busy(void)
{
	for (volatile unsigned i = 0;; i++)
		;
}

static void test_sleeper(void)
{
	struct activity activity = { .running = true };
	pid_t pid = begin(be_asleep);

	for (int i = 0; i < 2000 && activity.running; i++) {
		usleep(1000);
		CHECK_EQ(os_activity(pid, &activity), 0);
	}
	CHECK(!activity.running);
	CHECK(!activity.copying);
	stop(pid);
}

static void test_runner(void)
{
	struct activity activity = { 0 };
	pid_t pid = begin(be_busy);

	for (int i = 0; i < 5000 && activity.user_ms < 30; i++) {
		usleep(1000);
		CHECK_EQ(os_activity(pid, &activity), 0);
	}
	CHECK(activity.running);
	CHECK(activity.user_ms >= 30);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, NULL, WUNTRACED), pid);
	CHECK_EQ(os_activity(pid, &activity), 0);
	CHECK(activity.running);
	stop(pid);
}

static void test_gone(void)
{
	struct activity activity;
	pid_t pid = begin(be_asleep);

	stop(pid);
	CHECK_EQ(os_activity(pid, &activity), -ESRCH);
}

int main(void)
{
	alarm(60);
	TEST(test_sleeper);
	TEST(test_runner);
	TEST(test_gone);
	return test_end();
}
