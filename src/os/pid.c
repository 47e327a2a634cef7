/* SPDX-License-Identifier: Apache-2.0 */
#include "os/pid.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9 */
#endif

uint64_t os_pidns_of(pid_t pid)
{
	char path[64];
	struct stat st;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	else
		snprintf(path, sizeof(path), "/proc/self/ns/pid");
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

/* The value of one line of /proc/TID/status, into text. */
static int status_line(pid_t tid, const char *name, char *text, size_t size)
{
	char path[64], line[512];
	size_t name_len = strlen(name);
	int r = -ESRCH;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	if (!file)
		return -ESRCH;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, name_len) || line[name_len] != ':')
			continue;
		snprintf(text, size, "%s", line + name_len + 1);
		r = 0;
		break;
	}
	fclose(file);
	return r;
}

static int status_number(pid_t tid, const char *name, bool last)
{
	char text[256];
	long value = -1;
	char *at = text, *end;

	if (status_line(tid, name, text, sizeof(text)) < 0)
		return -ESRCH;
	for (;;) {
		long next = strtol(at, &end, 10);

		if (end == at)
			break;
		value = next;
		if (!last)
			break;
		at = end;
	}
	return value > 0 ? (int)value : -ESRCH;
}

int os_pid_innermost(pid_t tid)
{
	return status_number(tid, "NSpid", true);
}

pid_t os_tgid_of(pid_t tid)
{
	return status_number(tid, "Tgid", false);
}

/* First number among the entries of a /proc directory for which the innermost number is `want`. */
static pid_t find_in(const char *path, pid_t want, uint64_t pidns)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	pid_t found = -ESRCH;

	if (!dir)
		return -ESRCH;
	while (found < 0 && (entry = readdir(dir))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid > 0 && os_pid_innermost(tid) == want &&
		    (!pidns || os_pidns_of(tid) == pidns))
			found = tid;
	}
	closedir(dir);
	return found;
}

pid_t os_tid_here(pid_t pid, pid_t tid)
{
	char path[64];

	if (os_pidns_of(pid) == os_pidns_of(0))
		return os_tgid_of(tid) == pid ? tid : -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return find_in(path, tid, 0);
}

pid_t os_pid_here(pid_t asker, pid_t pid)
{
	uint64_t pidns = os_pidns_of(asker);

	if (!pidns || pid <= 0)
		return -ESRCH;
	if (os_pid_innermost(asker) == pid)
		return asker;
	if (pidns == os_pidns_of(0))
		return os_tgid_of(pid) > 0 ? pid : -ESRCH;
	return find_in("/proc", pid, pidns);
}

void os_comm_of(pid_t tid, char *name, size_t size)
{
	char text[64];

	if (status_line(tid, "Name", text, sizeof(text)) < 0)
		snprintf(text, sizeof(text), "\t?\n");
	text[strcspn(text, "\n")] = 0;
	snprintf(name, size, "%s", text + 1);
}

int os_exit_status_of(pid_t tid)
{
	enum {
		STATE = 3,
		EXIT_CODE = 52
	}; /* fields of proc(5), counted from 1 */
	char path[64], text[1024], *at, *end;
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = 0;
	at = strrchr(text, ')'); /* the name before it may hold anything */
	if (!at || at[1] != ' ' || (at[2] != 'Z' && at[2] != 'X'))
		return -1;
	at += 2;
	for (int field = STATE; at && field < EXIT_CODE; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -1;
	len = (size_t)strtoul(at, &end, 10);
	return end == at ? -1 : (int)len;
}

int os_pidfd_open(pid_t pid, bool thread)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, thread ? PIDFD_THREAD : 0);

	return fd < 0 ? -errno : fd;
}

int os_pidfd_signal(int pidfd, int signo)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) < 0 ? -errno : 0;
}

pid_t os_pidfd_pid(int pidfd)
{
	char path[64], line[128];
	pid_t pid = -ESRCH;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "Pid:", 4))
			pid = (pid_t)strtol(line + 4, NULL, 10);
	fclose(file);
	return pid > 0 ? pid : -ESRCH;
}
