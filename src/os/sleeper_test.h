/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SLEEPER_TEST_H
#define DVS_OS_SLEEPER_TEST_H

/* For tests: a child that does nothing, until it is ended, or the test is. */

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid < 0) /* as a number for kill(2) it would mean all processes */
		abort();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

#endif
