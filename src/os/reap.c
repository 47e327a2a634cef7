/* SPDX-License-Identifier: Apache-2.0 */
#include "os/reap.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

#include "os/keeper.h"
#include "os/loop.h"
#include "os/socket.h"

static int status_of(const siginfo_t *info)
{
	switch (info->si_code) {
	case CLD_EXITED:
		return info->si_status << 8;
	case CLD_DUMPED:
		return info->si_status | 0x80;
	default:
		return info->si_status;
	}
}

int os_reap_peek(pid_t *pid, int *status)
{
	siginfo_t info = { 0 };

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return -errno;
	if (!info.si_pid)
		return -EAGAIN;
	*pid = info.si_pid;
	*status = status_of(&info);
	return 0;
}

void os_reap(pid_t pid)
{
	assert(pid > 0);
	while (waitpid(pid, NULL, WNOHANG) < 0 && errno == EINTR)
		continue;
}

int os_reap_pidfd(int pidfd, int timeout_ms)
{
	int r = os_poll(pidfd, OS_READ, timeout_ms);
	siginfo_t info;

	if (r < 0)
		return r;
	/* The children of a keeper are collected by it. */
	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0)
		return os_keeper_pid() && errno == ECHILD ? 0 : -errno;
	return 0;
}
