/* SPDX-License-Identifier: Apache-2.0 */
#include "os/pid.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/lock.h"
#include "os/loop.h"
#include "os/signals.h"
#include "os/socket.h"

_Static_assert(OS_SIGHUP == SIGHUP && OS_SIGKILL == SIGKILL && OS_SIGTERM == SIGTERM,
	       "as the kernel says");
_Static_assert(OS_SIGCHLD == SIGCHLD && OS_SIGCONT == SIGCONT, "as the kernel says");
_Static_assert(OS_SIGNAL_LAST == _NSIG - 1, "as the kernel says");

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

#ifndef NS_GET_PID_FROM_PIDNS
#define NS_GET_PID_FROM_PIDNS _IOR(0xb7, 0x6, int) /* Linux 6.11 */
#endif

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9 */
#endif

/* A process stays in the namespace that it was born in, and a child may be born in another one. */
static uint64_t own_pidns(void)
{
	static _Atomic uint64_t known;
	static _Atomic pid_t knower;
	struct stat st;

	if (atomic_load(&knower) == getpid())
		return atomic_load(&known);
	if (stat("/proc/self/ns/pid", &st) < 0)
		return 0;
	atomic_store(&known, st.st_ino);
	atomic_store(&knower, getpid());
	return st.st_ino;
}

uint64_t os_pidns_of(pid_t pid)
{
	char path[64];
	struct stat st;

	if (!pid)
		return own_pidns();
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

/* The value of one line of /proc/TID/status, into text. */
static int status_line(pid_t tid, const char *name, char *text, size_t size)
{
	char path[64], line[512];
	size_t name_len = strlen(name);
	int r = -ESRCH;
	FILE *file;

	assert(size > 0);
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
	uint64_t pidns = os_pidns_of(tid);

	/* The text of a status costs more than all else that is asked of a task. */
	return pidns && pidns == os_pidns_of(0) ? tid : status_number(tid, "NSpid", true);
}

pid_t os_tgid_of(pid_t tid)
{
	return status_number(tid, "Tgid", false);
}

bool os_is_stopped(pid_t pid)
{
	char text[64];

	return status_line(pid, "State", text, sizeof(text)) == 0 &&
	       text[strspn(text, " \t")] == 'T';
}

pid_t os_parent_of(pid_t pid)
{
	return status_number(pid, "PPid", false);
}

/* First number among the entries of a /proc directory for which the innermost number is `want`. */
static pid_t find_in(const char *path, pid_t want, uint64_t pidns)
{
	struct dirent *entry;
	pid_t found = -ESRCH;
	DIR *dir;

	os_lock_wait_begins("a search for a task");
	dir = opendir(path);
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

/* The task that has this number in the namespace of `asker`. */
static pid_t translate(pid_t asker, pid_t number)
{
	OS_CLEANUP_FD int fd = -1;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", asker);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? -ESRCH : -ENOSYS;
	r = ioctl(fd, NS_GET_PID_FROM_PIDNS, (unsigned long)number);
	if (r > 0)
		return r;
	return r == 0 || errno == ESRCH ? -ESRCH : -ENOSYS;
}

/* Without a look at other tasks, where that is possible; 0: it is not. */
static pid_t pid_at_once(pid_t asker, pid_t pid)
{
	uint64_t pidns = os_pidns_of(asker);

	if (!pidns || pid <= 0)
		return -ESRCH;
	if (os_pid_innermost(asker) == pid)
		return asker;
	if (pidns == os_pidns_of(0))
		return os_tgid_of(pid) > 0 ? pid : -ESRCH;
	return 0;
}

pid_t os_pid_here(pid_t asker, pid_t pid)
{
	pid_t found = pid_at_once(asker, pid);

	return found ? found : translate(asker, pid);
}

pid_t os_tid_here(pid_t pid, pid_t tid)
{
	pid_t found = os_pid_here(pid, tid);

	return found > 0 && os_tgid_of(found) != pid ? -ESRCH : found;
}

pid_t os_tid_search(pid_t pid, pid_t tid)
{
	char path[64];

	if (os_pidns_of(pid) == os_pidns_of(0))
		return os_tgid_of(tid) == pid ? tid : -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return find_in(path, tid, 0);
}

/* A process, or a thread of the asker. */
pid_t os_pid_search(pid_t asker, pid_t pid)
{
	pid_t found = pid_at_once(asker, pid);

	if (!found)
		found = os_tid_search(asker, pid);
	return found > 0 ? found : find_in("/proc", pid, os_pidns_of(asker));
}

/* As a status has it: one line, whatever the name is. */
static void name_printable(const char *text, char *name, size_t size)
{
	size_t n = 0;

	for (; *text; text++) {
		bool special = *text == '\n' || *text == '\\';

		if (n + 1 + special >= size)
			break;
		if (special)
			name[n++] = '\\';
		name[n++] = *text == '\n' ? 'n' : *text;
	}
	name[n] = 0;
}

void os_comm_of(pid_t tid, char *name, size_t size)
{
	OS_CLEANUP_FD int fd = -1;
	char path[64], text[64];
	ssize_t len;

	assert(size > 0);
	snprintf(path, sizeof(path), "/proc/%d/comm", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (len <= 0) {
		text[0] = '?';
		len = 1;
	}
	if (text[len - 1] == '\n')
		len--;
	text[len] = 0;
	name_printable(text, name, size);
}

int64_t os_euid_of(pid_t tid)
{
	char text[128];
	unsigned long real, effective;

	if (status_line(tid, "Uid", text, sizeof(text)) < 0 ||
	    sscanf(text, "%lu %lu", &real, &effective) != 2)
		return -ESRCH;
	return (int64_t)effective;
}

enum stat_field { /* of proc(5), counted from 1 */
	STAT_STATE = 3,
	STAT_START = 22,
	STAT_EXIT_CODE = 52
};

/* The text of a field after the name, and the state; NULL: the task has gone. */
static const char *stat_field(pid_t tid, enum stat_field want, char *text, size_t size, char *state)
{
	char path[64], *at;
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	file = fopen(path, "re");
	if (!file)
		return NULL;
	len = fread(text, 1, size - 1, file);
	fclose(file);
	text[len] = 0;
	at = strrchr(text, ')'); /* the name before it may hold anything */
	if (!at || at[1] != ' ')
		return NULL;
	at += 2;
	*state = *at;
	for (int field = STAT_STATE; at && field < (int)want; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at;
}

uint64_t os_start_of(pid_t tid)
{
	char text[1024], state;
	const char *at = stat_field(tid, STAT_START, text, sizeof(text), &state);

	return at ? strtoull(at, NULL, 10) : 0;
}

int os_exit_status_of(pid_t tid)
{
	char text[1024], state, *end;
	const char *at = stat_field(tid, STAT_EXIT_CODE, text, sizeof(text), &state);
	size_t status;

	if (!at || (state != 'Z' && state != 'X'))
		return -1;
	status = (size_t)strtoul(at, &end, 10);
	return end == at ? -1 : (int)status;
}

int os_pidfd_open(pid_t pid, bool thread)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, thread ? PIDFD_THREAD : 0);

	return fd < 0 ? -errno : fd;
}

/* Opens the pid namespace of a process, where children of this thread are born after a setns(). */
static int open_pidns(pid_t pid)
{
	char name[40];

	snprintf(name, sizeof(name), "/proc/%d/ns/pid", (int)pid);
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The child tells nobody of its end, so that a thread which collects all children does not see it. */
static int descriptors_of_ended_child(uint32_t count, const bool thread[], int fd[])
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} args = { 0 };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		syscall(SYS_exit, 0);
	if (pid < 0)
		return -errno;
	uint32_t opened = 0;
	int r = 0;

	for (; opened < count && r == 0; opened += r == 0) {
		fd[opened] = os_pidfd_open(pid, thread[opened]);
		r = fd[opened] < 0 ? fd[opened] : 0;
	}
	while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
		continue;
	while (r && opened)
		close(fd[--opened]);
	return r;
}

int os_pidfds_of_nobody(pid_t neighbour, uint32_t count, const bool thread[], int fd[])
{
	assert(neighbour > 0);
	assert(count);
	OS_CLEANUP_FD int theirs = open_pidns(neighbour), own = open_pidns(getpid());

	if (theirs < 0 || own < 0)
		return theirs < 0 ? theirs : own;
	if (setns(theirs, CLONE_NEWPID) < 0)
		return -errno;
	int r = descriptors_of_ended_child(count, thread, fd);

	if (setns(own, CLONE_NEWPID) == 0)
		return r;
	int error = errno;

	for (uint32_t i = 0; r == 0 && i < count; i++)
		close(fd[i]);
	return -error;
}

/* The process that this thread keeps between os_pid_keep() and os_pid_let_go(). */
static _Thread_local struct {
	unsigned depth;
	pid_t pid; /* 0: nothing yet */
	int pidfd;
} kept;

static void drop_kept(void)
{
	if (kept.pid)
		close(kept.pidfd);
	kept.pid = 0;
}

void os_pid_keep(void)
{
	assert(kept.depth || !kept.pid);
	kept.depth++;
}

void os_pid_let_go(void)
{
	assert(kept.depth);
	if (--kept.depth == 0)
		drop_kept();
}

static int get_descriptor(int pidfd, int number)
{
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);

	return fd < 0 ? -errno : fd;
}

int os_pid_descriptor(pid_t pid, int number)
{
	if (kept.pid == pid) {
		int fd = get_descriptor(kept.pidfd, number);

		/* Another process may have the number by now. */
		if (fd != -ESRCH)
			return fd;
	}
	int pidfd = os_pidfd_open(pid, false);

	/* It may be a thread that is asked in place of the main one. */
	if (pidfd == -EINVAL || pidfd == -ENOENT)
		pidfd = os_pidfd_open(pid, true);
	if (pidfd < 0)
		return pidfd;
	int fd = get_descriptor(pidfd, number);

	if (!kept.depth) {
		close(pidfd);
		return fd;
	}
	drop_kept();
	kept.pid = pid;
	kept.pidfd = pidfd;
	return fd;
}

void os_pid_signal(pid_t pid, int signo)
{
	assert(pid > 1);
	(void)kill(pid, signo); /* a process that is gone has ended anyway */
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

static bool without_pidfd;

void os_peer_without_pidfd(void)
{
	without_pidfd = true;
}

/* As the first version of the kernel's structure has it (Linux 6.13). */
struct pidfd_info {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid, spare;
};

#define INFO_CREDENTIALS 2u /* in the mask */
#define GET_INFO	 _IOWR(0xff, 11, struct pidfd_info)

_Static_assert(sizeof(struct pidfd_info) == 64, "its size is part of the request's number");

/*
 * 0: the process lives, and *euid is its user, or -1 where only its status says that (before 6.13); -ESRCH;
 * -ENOPROTOOPT: this kernel cannot tell (before 6.5).
 */
static int peer_pidfd(int fd, int *pidfd, int64_t *euid)
{
	struct pidfd_info info = { .mask = INFO_CREDENTIALS };
	socklen_t len = sizeof(*pidfd);

	*euid = -1;
	if (without_pidfd)
		return -ENOPROTOOPT;
	if (*pidfd < 0 && getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, pidfd, &len) < 0)
		return errno == ENOPROTOOPT ? -ENOPROTOOPT : -ESRCH;
	if (ioctl(*pidfd, GET_INFO, &info) == 0 && info.mask & INFO_CREDENTIALS)
		*euid = info.euid;
	return os_poll(*pidfd, OS_READ, 0) == 0 ? -ESRCH : 0;
}

/* The start of a process has to be known only where the kernel cannot tell of a connection's process. */
void os_peer_watch(int fd, struct os_peer *peer)
{
	static atomic_bool tells;
	OS_CLEANUP_FD int pidfd = -1;
	int64_t euid;

	peer->start = 0;
	if (peer->pid <= 0 || (atomic_load(&tells) && !without_pidfd))
		return;
	if (peer_pidfd(fd, &pidfd, &euid) == -ENOPROTOOPT)
		peer->start = os_start_of(peer->pid);
	else
		atomic_store(&tells, true);
}

bool os_peer_is_there(int fd, const struct os_peer *peer, int *pidfd)
{
	int64_t euid;
	int r;

	if (peer->pid <= 0)
		return false;
	r = peer_pidfd(fd, pidfd, &euid);
	if (r == -ENOPROTOOPT)
		r = peer->start && os_start_of(peer->pid) == peer->start ? 0 : -ESRCH;
	if (r == 0 && euid < 0)
		euid = os_euid_of(peer->pid);
	return r == 0 && euid == (int64_t)peer->uid;
}
