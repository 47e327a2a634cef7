/* SPDX-License-Identifier: Apache-2.0 */
#include "os/successor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/socket.h"

#define DELETED " (deleted)"

int os_successor_path(char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size - 1);
	size_t mark = strlen(DELETED);

	assert(size > 1);
	if (len < 0)
		return -errno;
	path[len] = '\0';
	/* It was replaced between our execution and now. */
	if ((size_t)len > mark && !strcmp(path + len - mark, DELETED))
		path[(size_t)len - mark] = '\0';
	return (size_t)len == size - 1 ? -ENAMETOOLONG : 0;
}

int os_successor_check(const char *path)
{
	return access(path, X_OK) < 0 ? -errno : 0;
}

/* In a copy of a program with threads: nothing but system calls from here to execve. */
static _Noreturn void inquiry_run(const char *path, char *const *argv, int fd, int out)
{
	int high_fd = fcntl(fd, F_DUPFD, 16), high_out = fcntl(out, F_DUPFD, 16);
	int null = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (high_fd < 0 || high_out < 0 || null < 0 || dup2(null, 0) < 0 || dup2(high_out, 1) < 0 ||
	    dup2(high_out, 2) < 0 || dup2(high_fd, OS_INQUIRY_FD) < 0)
		_exit(126);
	syscall(SYS_close_range, OS_INQUIRY_FD + 1, ~0u, 0);
	execv(path, argv);
	_exit(126);
}

int os_inquiry_start(struct os_inquiry *inquiry, const char *path, char *const *argv, int fd)
{
	int ends[2], r;

	assert(argv && argv[0]);
	assert(fd >= 0);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*inquiry = (struct os_inquiry){ .out_fd = ends[0], .pidfd = -1 };
	inquiry->pid = fork();
	if (!inquiry->pid)
		inquiry_run(path, argv, fd, ends[1]);
	r = inquiry->pid < 0 ? -errno : os_set_nonblock(ends[0], 1);
	close(ends[1]);
	if (r == 0) {
		inquiry->pidfd = (int)syscall(SYS_pidfd_open, inquiry->pid, 0);
		r = inquiry->pidfd < 0 ? -errno : 0;
	}
	if (r < 0) {
		os_inquiry_kill(inquiry);
		os_inquiry_end(inquiry);
	}
	return r;
}

void os_inquiry_kill(const struct os_inquiry *inquiry)
{
	if (inquiry->pid > 0)
		kill(inquiry->pid, SIGKILL);
}

int os_inquiry_end(struct os_inquiry *inquiry)
{
	int status = 0;
	pid_t r = 0;

	inquiry->out_fd = os_close(inquiry->out_fd);
	assert(inquiry->out_fd < 0);
	if (inquiry->pid > 0)
		while ((r = waitpid(inquiry->pid, &status, WNOHANG)) < 0 && errno == EINTR)
			continue;
	inquiry->pidfd = os_close(inquiry->pidfd);
	if (r < 0)
		status = -errno;
	else if (!r && inquiry->pid > 0)
		status = -ETIMEDOUT;
	inquiry->pid = 0;
	return status;
}

int os_successor_keep(int fd, bool keep)
{
	assert(fd >= 0);
	return fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC) < 0 ? -errno : 0;
}
