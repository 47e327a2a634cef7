/* SPDX-License-Identifier: Apache-2.0 */
#include "os/reap.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/sleeper_test.h"

static void exit_seven(void)
{
	_exit(7);
}

static void be_killed(void)
{
	raise(SIGKILL);
}

static void dump_core(void)
{
	abort();
}

static pid_t start(void (*what)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		what();
		_exit(0);
	}
	return pid;
}

static void await_end(pid_t pid)
{
	siginfo_t info;

	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* The status is the one that wait(2) gives, and looking at it does not collect. */
static void test_peek(void)
{
	static void (*const ways[])(void) = { exit_seven, be_killed, dump_core };
	int status = 0, waited = 0;
	pid_t pid = 0;

	CHECK_EQ(os_reap_peek(&pid, &status), -ECHILD);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		pid_t child = start(ways[i]);

		await_end(child);
		for (int round = 0; round < 2; round++) {
			CHECK_EQ(os_reap_peek(&pid, &status), 0);
			CHECK_EQ(pid, child);
		}
		CHECK_EQ(waitpid(child, &waited, 0), child);
		CHECK_EQ(status, waited);
	}
}

static void test_collected(void)
{
	pid_t running = sleeper(), ended = start(exit_seven), pid = 0;
	int status = 0;

	await_end(ended);
	CHECK_EQ(os_reap_peek(&pid, &status), 0);
	CHECK(pid == ended && WIFEXITED(status) && WEXITSTATUS(status) == 7);
	os_reap(ended);
	CHECK_EQ(os_reap_peek(&pid, &status), -EAGAIN); /* the other one lives */
	os_reap(running);				/* which is not waited for */
	kill(running, SIGKILL);
	await_end(running);
	os_reap(running);
	CHECK_EQ(os_reap_peek(&pid, &status), -ECHILD);
}

static void test_pidfd(void)
{
	pid_t child = sleeper();
	int pidfd = (int)syscall(SYS_pidfd_open, child, 0);

	CHECK(pidfd >= 0);
	CHECK_EQ(os_reap_pidfd(pidfd, 20), -ETIMEDOUT);
	CHECK_EQ(kill(child, 0), 0);
	kill(child, SIGKILL);
	CHECK_EQ(os_reap_pidfd(pidfd, 10000), 0);
	CHECK_EQ(waitpid(child, NULL, 0), -1); /* collected */
	CHECK_EQ(os_reap_pidfd(pidfd, 0), -ECHILD);
	close(pidfd);
}

int main(void)
{
	TEST(test_peek);
	TEST(test_collected);
	TEST(test_pidfd);
	return test_end();
}
