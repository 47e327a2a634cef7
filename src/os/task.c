/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "os/file.h"
#include "os/lock.h"
#include "os/task.h"

/*
 * Whether it has ended, and its start time. A main thread may end before the others: then the process lives. The name
 * may hold anything, so count from its closing bracket.
 */
static int read_stat(pid_t pid, bool *ended, uint64_t *start)
{
	char path[32], text[1024], *field;
	unsigned long long ticks;
	long threads;
	char state;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -ESRCH;
	text[len] = '\0';
	field = strrchr(text, ')');
	if (!field || sscanf(field + 1,
			     " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
			     "%*d %ld %*d %llu",
			     &state, &threads, &ticks) != 3)
		return -ESRCH;
	*ended = (state == 'Z' || state == 'X') && threads <= 1;
	*start = ticks;
	return 0;
}

int os_task_of(pid_t pid, struct task_id *id)
{
	uint64_t start;
	bool ended;

	if (pid <= 0 || read_stat(pid, &ended, &start) < 0 || ended)
		return -ESRCH;
	*id = (struct task_id){ .pid = pid, .start = start };
	return 0;
}

bool os_task_alive(const struct task_id *id)
{
	struct task_id now;

	return os_task_of(id->pid, &now) == 0 && now.start == id->start;
}

bool os_task_remains(const struct task_id *id)
{
	uint64_t start;
	bool ended;

	return read_stat(id->pid, &ended, &start) == 0 && start == id->start;
}

/* A pidfd first, then the look at the start time: so the signal cannot reach a later owner. */
static int open_alive(const struct task_id *id)
{
	int fd = (int)syscall(SYS_pidfd_open, id->pid, 0);

	if (fd < 0)
		return -errno;
	if (!os_task_alive(id)) {
		close(fd);
		return -ESRCH;
	}
	return fd;
}

int os_task_kill(const struct task_id *id, int signo)
{
	int fd = open_alive(id), r = 0;

	if (fd < 0)
		return fd == -ESRCH ? 0 : fd;
	if (syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0) < 0 && errno != ESRCH)
		r = -errno;
	close(fd);
	return r;
}

int os_task_wait_gone(const struct task_id *id, int timeout_ms)
{
	int fd = open_alive(id), r = 0;

	if (fd >= 0) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		int ready = poll(&wait, 1, timeout_ms);

		r = ready > 0 ? 0 : ready == 0 ? -ETIMEDOUT : -errno;
		close(fd);
	} else if (fd != -ESRCH) {
		r = fd;
	}
	if (!r)
		waitpid(id->pid, NULL, WNOHANG);
	return r;
}

int os_task_each(int (*fn)(void *ctx, pid_t pid), void *ctx)
{
	struct dirent *entry;
	int r = 0;
	DIR *dir;

	assert(fn);
	os_lock_wait_begins("os_task_each()");
	dir = opendir("/proc");
	if (!dir)
		return -errno;
	while (!r && (entry = readdir(dir))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			r = fn(ctx, (pid_t)strtol(entry->d_name, NULL, 10));
	}
	closedir(dir);
	return r;
}

bool os_task_is_of_root_here(pid_t pid)
{
	char name[32];
	struct stat task, mounts, own;

	snprintf(name, sizeof(name), "/proc/%d", pid);
	if (stat(name, &task) < 0 || task.st_uid)
		return false;
	snprintf(name, sizeof(name), "/proc/%d/ns/mnt", pid);
	return !stat(name, &mounts) && !stat("/proc/self/ns/mnt", &own) &&
	       mounts.st_ino == own.st_ino && mounts.st_dev == own.st_dev;
}

int os_task_words(pid_t pid, char *buf, size_t size)
{
	char name[32];
	int length;

	assert(size > 0);
	snprintf(name, sizeof(name), "/proc/%d/cmdline", pid);
	length = os_file_read(name, buf, size);
	for (int i = 0; i < length; i++)
		if (!buf[i])
			buf[i] = '\n';
	return length;
}
