/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "victims/refused.h"

/* The kinds of `refused` that are a file which the other node has not, or not so. */

/* A process in a session of its own opens the file by its name, and keeps it. */
static void leave_reader_of(const char *name)
{
	pid_t self = getpid(), child = fork();

	if (child == 0) {
		setsid();
		if (fork())
			_exit(0);
		int fd = open(name, O_RDONLY);

		unlink(name);
		while (fd >= 0 && kill(self, 0) == 0)
			usleep(10000);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

/* Whether a process waits for a lock of the file. */
static bool is_awaited(unsigned long inode)
{
	FILE *locks = fopen("/proc/locks", "r");
	char line[256], object[32];
	bool found = false;

	snprintf(object, sizeof(object), ":%lu ", inode);
	while (locks && !found && fgets(line, sizeof(line), locks))
		found = strstr(line, "->") && strstr(line, object);
	if (locks)
		fclose(locks);
	return found;
}

/* A process in a session of its own waits for the lock that this one has. */
static void leave_waiter_for(const char *name, int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	struct stat status;
	pid_t child = fork();

	if (child == 0) {
		setsid();
		if (fork())
			_exit(0);
		_exit(fcntl(open(name, O_RDWR), F_SETLKW, &lock));
	}
	waitpid(child, NULL, 0);
	NEED(fstat(fd, &status) == 0);
	while (!is_awaited(status.st_ino))
		usleep(1000);
	unlink(name);
}

static void deleted_shared(void)
{
	char name[] = "/tmp/dvs-victim-deleted-XXXXXX";

	NEED(mkstemp(name) >= 0);
	leave_reader_of(name);
	while (access(name, F_OK) == 0)
		usleep(1000);
}

/* A process that stays waits for the lock. */
static void record_lock(void)
{
	char name[] = "/tmp/dvs-victim-lock-XXXXXX";
	int fd = mkstemp(name);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	NEED(fcntl(fd, F_SETLK, &lock) == 0);
	leave_waiter_for(name, fd);
}

/* By system calls: the library's functions want a library of their own on older systems. */
static void message_queue(void)
{
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	char name[64];

	snprintf(name, sizeof(name), "dvs-victim-%d", getpid());
	long queue = syscall(SYS_mq_open, name, O_CREAT | O_RDWR, 0600, NULL);

	NEED(queue >= 0 && syscall(SYS_mq_notify, queue, &none) == 0);
	syscall(SYS_mq_unlink, name);
}

/* The file lives under a second name only, which is in another folder. */
static void renamed_by_links(void)
{
	char name[] = "/tmp/dvs-victim-linked-XXXXXX";

	NEED(mkstemp(name) >= 0 && link(name, make_own_name()) == 0 && unlink(name) == 0);
}

static bool is_deep;
#define DEPTH 25

/* Step by step, for no call takes so long a path. */
static bool go_deep(char name[201])
{
	memset(name, 'n', 200);
	name[200] = 0;
	if (chdir(own_folder))
		return false;
	for (int depth = 0; depth < DEPTH; depth++) {
		mkdir(name, 0700);
		if (chdir(name))
			return false;
	}
	return true;
}

static void long_path(void)
{
	char name[201];

	NEED(make_own_name() && go_deep(name));
	is_deep = true;
	NEED(open("file", O_CREAT | O_RDWR, 0600) >= 0);
	NEED(chdir("/") == 0);
}

static void remove_long_path(void)
{
	char name[201];

	VICTIM_CHECK(go_deep(name) && unlink("file") == 0);
	for (int depth = 0; depth < DEPTH; depth++)
		VICTIM_CHECK(chdir("..") == 0 && rmdir(name) == 0);
}

static void proc_file(void)
{
	NEED(open("/proc/self/mem", O_RDWR) >= 0);
}

static void device(void)
{
	NEED(open("/dev/kmsg", O_RDONLY) >= 0 || open("/dev/fuse", O_RDWR) >= 0);
}

static const struct kind name_kinds[] = {
	{ "deleted_shared", "a deleted file with", deleted_shared },
	{ "record_lock", "waits for the file lock", record_lock },
	{ "proc_file", "proc file system", proc_file },
	{ "message_queue", "(mq_notify), which is not carried", message_queue },
	{ "renamed_by_links", "other names only", renamed_by_links },
	{ "long_path", "longer than", long_path },
	{ "device", "device", device },
	{ NULL, NULL, NULL },
};
