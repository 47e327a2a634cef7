/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children of this process, each with one thing that cannot move. The refusals of a process in a container are the
 * matter of refused_test.c, which has one.
 */
#include "migrate/inventory.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "os/kcmp.h"
#include "os/pid.h"

static int ready[2]; /* a pipe: the child has done what it does */

static void say_ready(void)
{
	if (write(ready[1], "r", 1) != 1)
		_exit(1);
}

static void stay(void)
{
	say_ready();
	for (;;)
		pause();
}

static void be_plain(void)
{
	stay();
}

static void be_a_leader(void)
{
	setsid();
	stay();
}

static void have_a_breakpoint_pending(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTRAP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGTRAP);
	stay();
}

static void *do_nothing(void *arg)
{
	return arg;
}

static void have_had_a_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, do_nothing, NULL))
		_exit(1);
	pthread_join(thread, NULL);
	stay();
}

static void *be_apart(void *arg)
{
	if (unshare(CLONE_FILES))
		_exit(1);
	stay();
	return arg;
}

static void have_a_thread_apart(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, be_apart, NULL))
		_exit(1);
	pthread_join(thread, NULL);
}

static void end_at_once(void)
{
	say_ready();
	_exit(0);
}

static struct inventory *inventory;
static struct tables tables;
static struct refusal refusal;
static pid_t child;

static void begin(void (*what)(void))
{
	char c;

	CHECK_EQ(pipe(ready), 0);
	child = fork();
	if (child == 0)
		what();
	close(ready[1]);
	CHECK_EQ(read(ready[0], &c, 1), 1);
	refusal = REFUSAL_NONE;
	inventory = calloc(1, sizeof(*inventory));
	CHECK_EQ(inventory_open(inventory, child, &tables, &refusal), 0);
	CHECK_EQ(inventory_threads(inventory), 0);
	inventory->process.vpid = child;
	inventory->init = getpid();
}

static void end(void)
{
	inventory_close(inventory);
	free(inventory);
	close(ready[0]);
	kill(child, SIGKILL);
	kill(child, SIGCONT);
	waitpid(child, NULL, 0);
}

/* The check refuses with this number, and a sentence that has these words. */
static bool is_refused(int (*check)(struct inventory *, struct refusal *), int error,
		       const char *words)
{
	refusal = REFUSAL_NONE;
	int r = check(inventory, &refusal);

	if (r != error || !strstr(refusal.reason, words))
		printf("have %d: %s\n", r, refusal.reason);
	return r == error && refusal.error == error && strstr(refusal.reason, words);
}

static void test_traced(void)
{
	begin(be_plain);
	if (ptrace(PTRACE_SEIZE, child, 0, 0) == 0)
		CHECK(is_refused(fitness_check, EDVSPROCSTS, "traced by a debugger"));
	else
		test_skip("a child cannot be traced here");
	end();
}

static void test_ended(void)
{
	siginfo_t info;

	begin(end_at_once);
	CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	CHECK(is_refused(fitness_check, EDVSSRCH, "has ended"));
	waitpid(child, NULL, 0);
	CHECK(is_refused(fitness_check_again, EDVSSRCH, "ended"));
	end();
}

static void test_session(void)
{
	begin(be_plain);
	inventory->process.vpid = 1;
	CHECK(is_refused(fitness_check, EDVSPROCSTS, "init of its container"));
	end();
	begin(be_plain);
	CHECK(is_refused(fitness_check, EDVSPROCSTS, "not the leader of a session"));
	end();
}

/* A leader, whose parent is this program and no init. */
static void test_parent(void)
{
	begin(be_a_leader);
	inventory->process.vpid = os_pid_innermost(child);
	if (os_pid_innermost(getpid()) == 1) {
		test_skip("this program is an init");
	} else {
		CHECK(is_refused(fitness_check, EDVSPROCSTS,
				 "not started by its container's init"));
		CHECK_EQ(inventory->init, getpid());
	}
	end();
}

/* These things may change until the freeze. */
static void test_again(void)
{
	begin(be_plain);
	CHECK_EQ(fitness_check_again(inventory, &refusal), 0);
	end();
	begin(have_a_breakpoint_pending);
	CHECK(is_refused(fitness_check_again, EDVSPROCSTS, "pending SIGTRAP"));
	end();
	begin(have_a_thread_apart);
	CHECK_EQ(fitness_check_again(inventory, &refusal), 0);
	CHECK_EQ(inventory->table_count, 1); /* which moves as well */
	end();
}

/* An undo list counts only where there are semaphores. A process that has had two threads has one. */
static void test_semaphores(void)
{
	begin(be_plain);
	refusal = REFUSAL_NONE;
	CHECK_EQ(fitness_check_semaphores(inventory, 1, &refusal), 0);
	end();
	begin(have_had_a_thread);
	refusal = REFUSAL_NONE;
	CHECK_EQ(fitness_check_semaphores(inventory, 0, &refusal), 0);
	if (os_kcmp(getpid(), child, OS_KCMP_SYSVSEM) > 0) {
		inventory->thread_count = 1;
		CHECK_EQ(fitness_check_semaphores(inventory, 1, &refusal), 0);
		CHECK(inventory->may_undo);
		inventory->thread_count = 2;
		CHECK_EQ(fitness_check_semaphores(inventory, 1, &refusal), EDVSPROCSTS);
		CHECK(strstr(refusal.reason, "semaphores") && !inventory->may_undo);
	} else {
		test_skip("the kernel has no undo lists, or does not compare them");
	}
	end();
}

int main(void)
{
	TEST(test_traced);
	TEST_OF_THREADS(test_ended);
	TEST(test_session);
	TEST(test_parent);
	TEST(test_again);
	TEST_OF_THREADS(test_semaphores);
	return test_end();
}
