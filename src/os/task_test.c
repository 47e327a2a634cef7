/* SPDX-License-Identifier: Apache-2.0 */
#include "os/task.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/sleeper_test.h"

static void test_identity(void)
{
	struct task_id self, other;

	CHECK_EQ(os_task_of(getpid(), &self), 0);
	CHECK(os_task_alive(&self));
	other = self;
	other.start++;
	CHECK(!os_task_alive(&other));
	CHECK(!os_task_remains(&other));
	CHECK_EQ(os_task_kill(&other, SIGKILL), 0); /* and we live on */
	CHECK_EQ(os_task_of(0, &other), -ESRCH);
	CHECK_EQ(os_task_of(-1, &other), -ESRCH);
}

static void test_killed(void)
{
	struct task_id child;
	pid_t pid = sleeper();

	CHECK_EQ(os_task_of(pid, &child), 0);
	CHECK_EQ(os_task_wait_gone(&child, 10), -ETIMEDOUT);
	CHECK_EQ(os_task_kill(&child, SIGKILL), 0);
	CHECK_EQ(os_task_wait_gone(&child, 5000), 0);
	CHECK(!os_task_alive(&child));
	CHECK_EQ(os_task_kill(&child, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), -1);
}

/* Dead, but its parent, who is us, has not looked yet. */
static void test_remains(void)
{
	struct task_id child, again;
	siginfo_t info;
	pid_t pid = sleeper();

	CHECK_EQ(os_task_of(pid, &child), 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK(!os_task_alive(&child));
	CHECK(os_task_remains(&child));
	CHECK_EQ(os_task_of(pid, &again), -ESRCH);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK(!os_task_remains(&child));
}

/* The state of its main thread. */
static bool await_zombie(pid_t pid)
{
	char name[64], state = 0;

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	for (int ms = 0; ms < 5000 && state != 'Z'; ms++) {
		FILE *file = fopen(name, "r");

		if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		if (file)
			fclose(file);
		usleep(1000);
	}
	return state == 'Z';
}

static void *stay(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void end_main_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, stay, NULL))
		_exit(1);
	syscall(SYS_exit, 0);
}

/* Its main thread has ended, and another one lives: it is alive, and can be killed. */
static void test_main_thread_ended(void)
{
	struct task_id child;
	pid_t pid = fork();

	if (pid == 0)
		end_main_thread();
	CHECK(await_zombie(pid));
	CHECK_EQ(os_task_of(pid, &child), 0);
	CHECK(os_task_alive(&child) && os_task_remains(&child));
	CHECK_EQ(os_task_kill(&child, SIGKILL), 0);
	CHECK_EQ(os_task_wait_gone(&child, 5000), 0);
	CHECK(!os_task_alive(&child));
}

static int find(void *ctx, pid_t pid)
{
	return pid == *(pid_t *)ctx ? 5 : 0;
}

static void test_each(void)
{
	pid_t self = getpid(), nobody = -1;

	CHECK_EQ(os_task_each(find, &self), 5);
	CHECK_EQ(os_task_each(find, &nobody), 0);
}

int main(void)
{
	TEST(test_identity);
	TEST(test_killed);
	TEST(test_remains);
	TEST(test_main_thread_ended);
	TEST(test_each);
	return test_end();
}
