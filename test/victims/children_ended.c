/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children that have ended, of which their parent has not taken note: each way to end, with its status; the news of an
 * end, told or not; and a parent that hears of ends after it has moved.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "victims/victim.h"

#define KINDS 5

static pid_t child[KINDS], living;
static volatile sig_atomic_t told;

static void on_child(int signal)
{
	(void)signal;
	told++;
}

static pid_t make(int code, int signal)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	signal ? raise(signal) : 0;
	_exit(code);
}

static void await_end(pid_t pid)
{
	siginfo_t info;

	/* The handler of another child's end may interrupt it. */
	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT))
		VICTIM_CHECK(errno == EINTR);
}

static bool is(pid_t pid, int code, int status)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
	       info.si_pid == pid && info.si_code == code && info.si_status == status &&
	       getpgid(pid) == (pid == child[4] ? pid : getpgrp());
}

static bool is_pending(void)
{
	sigset_t set;

	return sigpending(&set) == 0 && sigismember(&set, SIGCHLD);
}

static void begin_children(void)
{
	child[0] = make(0, 0);
	child[1] = make(7, 0);
	child[2] = make(0, SIGTERM);
	child[3] = make(0, SIGKILL);
	child[4] = fork();
	if (child[4] == 0) {
		setpgid(0, 0);
		_exit(255);
	}
	for (int i = 0; i < KINDS; i++)
		await_end(child[i]);
	living = fork();
	if (living == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
}

static void check_children(void)
{
	VICTIM_CHECK(is(child[0], CLD_EXITED, 0));
	VICTIM_CHECK(is(child[1], CLD_EXITED, 7));
	VICTIM_CHECK(is(child[2], CLD_KILLED, SIGTERM));
	VICTIM_CHECK(is(child[3], CLD_KILLED, SIGKILL));
	VICTIM_CHECK(is(child[4], CLD_EXITED, 255));
}

/* A child ends here, and is heard of once. */
static void check_news(void)
{
	sigset_t set;
	sig_atomic_t before = told;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	VICTIM_CHECK(!is_pending());
	pid_t pid = make(9, 0);

	await_end(pid);
	VICTIM_CHECK(is_pending() && told == before);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	VICTIM_CHECK(told == before + 1 && waitpid(pid, NULL, 0) == pid);
}

int main(void)
{
	const struct rlimit none = { 0, 0 };
	sigset_t set;
	int status;

	victim_begin();
	setrlimit(RLIMIT_CORE, &none);
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = on_child }, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	begin_children();
	sigprocmask(SIG_BLOCK, &set, NULL);
	check_news();
	victim_ready();
	while (victim_moved()) {
		check_children();
		check_news();
	}
	/* News that is pending stays so. */
	kill(living, SIGTERM);
	VICTIM_CHECK(waitpid(living, &status, 0) == living && WTERMSIG(status) == SIGTERM);
	VICTIM_CHECK(waitpid(child[1], &status, 0) == child[1] && WEXITSTATUS(status) == 7);
	VICTIM_CHECK(waitpid(child[4], &status, 0) == child[4] && WEXITSTATUS(status) == 255);
	VICTIM_CHECK(waitpid(child[4], &status, 0) < 0 && errno == ECHILD);
	return victim_end();
}
