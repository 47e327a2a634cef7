/* SPDX-License-Identifier: Apache-2.0 */
/* A leader that has ended, and processes of its session that it has left behind. */
#include "os/session.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/own_proc.h"

#define CHILDREN 3
#define CANNOT	 77

enum way {
	IN_ITS_GROUP,
	IN_A_GROUP_OF_ITS_OWN,
	IN_A_SESSION_OF_ITS_OWN
};

static int ready[2];

static void be_left(enum way way)
{
	pid_t pid = getpid();

	if (way == IN_A_GROUP_OF_ITS_OWN)
		setpgid(0, 0);
	else if (way == IN_A_SESSION_OF_ITS_OWN)
		setsid();
	if (write(ready[1], &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	for (;;)
		pause();
}

/* Leads a session, and ends. Its children come to the test. */
static pid_t leave(pid_t left[CHILDREN])
{
	pid_t leader = fork();

	if (leader == 0) {
		setsid();
		for (int way = 0; way < CHILDREN; way++) {
			pid_t pid = fork();

			if (pid == 0)
				be_left((enum way)way);
			/* In this order. */
			while (pid > 0 && getpgid(pid) == getpid() && way == IN_A_GROUP_OF_ITS_OWN)
				usleep(100);
		}
		usleep(1000);
		_exit(0);
	}
	for (int i = 0; i < CHILDREN; i++)
		left[i] = 0;
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = 0;

		CHECK_EQ(read(ready[0], &pid, sizeof(pid)), sizeof(pid));
		enum way way = getsid(pid) == pid    ? IN_A_SESSION_OF_ITS_OWN
			       : getpgid(pid) == pid ? IN_A_GROUP_OF_ITS_OWN
						     : IN_ITS_GROUP;

		left[way] = pid;
	}
	return leader;
}

static bool has_ended(pid_t pid)
{
	int status = 0;

	for (int i = 0; i < 2000; i++, usleep(1000))
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	return false;
}

/* All processes of the session end, in each process group; one that has left the session lives on. */
static void check_ended(void)
{
	pid_t left[CHILDREN];

	CHECK_EQ(pipe(ready), 0);
	pid_t leader = leave(left);
	siginfo_t info;

	CHECK_EQ(waitid(P_PID, (id_t)leader, &info, WEXITED | WNOWAIT), 0);
	for (int i = 0; i < CHILDREN; i++)
		CHECK_OR_RETURN(left[i] > 1);
	CHECK_EQ(os_session_of(left[IN_ITS_GROUP]), leader);
	CHECK_EQ(os_session_of(left[IN_A_GROUP_OF_ITS_OWN]), leader);
	CHECK_EQ(os_session_of(left[IN_A_SESSION_OF_ITS_OWN]), left[IN_A_SESSION_OF_ITS_OWN]);
	os_session_end(leader);
	CHECK(has_ended(left[IN_ITS_GROUP]));
	CHECK(has_ended(left[IN_A_GROUP_OF_ITS_OWN]));
	CHECK_EQ(waitpid(left[IN_A_SESSION_OF_ITS_OWN], NULL, WNOHANG), 0);
	os_session_end(leader); /* nobody is left */
	CHECK_EQ(waitpid(leader, NULL, 0), leader);
	kill(left[IN_A_SESSION_OF_ITS_OWN], SIGKILL);
	CHECK(has_ended(left[IN_A_SESSION_OF_ITS_OWN]));
}

/* The init ends all of its namespace but itself. */
static void check_all(void)
{
	int status = 0;
	pid_t other = fork();

	if (other == 0)
		for (;;)
			pause();
	os_session_end_all();
	CHECK_EQ(waitpid(other, &status, 0), other);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/*
 * As the init of a new pid namespace, with a /proc of its own: a fault of these functions would end strangers
 * otherwise, and here it meets nobody.
 */
static void as_init(void (*check)(void))
{
	int status = 0;

	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWPID))
			_exit(CANNOT);
		pid_t init = fork();

		if (init == 0) {
			if (os_own_proc())
				_exit(CANNOT);
			check();
			fflush(stdout);
			_exit(test_failures ? 1 : 0);
		}
		waitpid(init, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 3);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT)
		test_skip("needs namespaces of its own");
	else
		CHECK_EQ(status, 0);
}

static void test_ended(void)
{
	as_init(check_ended);
}

static void test_all(void)
{
	as_init(check_all);
}

static void test_no_process(void)
{
	CHECK_EQ(os_session_of(0x7fffffff), -ESRCH);
	CHECK_EQ(os_session_of(0), getsid(0));
}

int main(void)
{
	TEST(test_ended);
	TEST(test_no_process);
	TEST(test_all);
	return test_end();
}
