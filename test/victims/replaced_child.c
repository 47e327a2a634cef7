/* SPDX-License-Identifier: Apache-2.0 */
/* A tree that has another child whenever one was ended; and no child that has ended, no news of one, but its own. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "victims/victim.h"

static volatile sig_atomic_t told;
static volatile pid_t last;

static void has_no_handler(void)
{
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
}

static pid_t start(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	has_no_handler();
	for (;;)
		pause();
}

/* One that has a child itself. */
static void start_parent(void)
{
	pid_t pid = fork();

	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	has_no_handler();
	start();
	for (;;)
		pause();
}

static void on_child(int signal)
{
	(void)signal;
	told++;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		last = start();
}

static bool has_all_children(void)
{
	siginfo_t info = { 0 };

	return kill(last, 0) == 0 && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

int main(void)
{
	victim_begin();
	start_parent();
	last = start();
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = on_child, .sa_flags = SA_RESTART },
		  NULL);
	victim_ready();
	/* Before each move one is ended. */
	for (int ends = 1; victim_moved(); ends++)
		VICTIM_CHECK(victim_must_end() || (told == ends && has_all_children()));
	return victim_end();
}
