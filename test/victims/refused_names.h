/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "victims/refused.h"

/* The kinds of `refused` that are a file which the other node has not, or not so. */

static void deleted(void)
{
	char name[] = "/tmp/dvs-victim-deleted-XXXXXX";

	NEED(mkstemp(name) >= 0);
	unlink(name);
}

static void deleted_mapped(void)
{
	char name[] = "/tmp/dvs-victim-deleted-XXXXXX";
	int fd = mkstemp(name);

	NEED(ftruncate(fd, 4096) == 0);
	NEED(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	close(fd);
	unlink(name);
}

static void file_lock(void)
{
	char name[] = "/tmp/dvs-victim-lock-XXXXXX";
	int fd = mkstemp(name);

	NEED(flock(fd, LOCK_EX) == 0);
}

static void record_lock(void)
{
	char name[] = "/tmp/dvs-victim-lock-XXXXXX";
	int fd = mkstemp(name);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	NEED(fcntl(fd, F_SETLK, &lock) == 0);
}

/* By its system call: the library's function wants a library of its own on older systems. */
static void message_queue(void)
{
	char name[64];

	snprintf(name, sizeof(name), "dvs-victim-%d", getpid());
	NEED(syscall(SYS_mq_open, name, O_CREAT | O_RDWR, 0600, NULL) >= 0);
	syscall(SYS_mq_unlink, name);
}

/* The file lives under its second name only, as a semaphore does after sem_open(). */
static void renamed_by_links(void)
{
	char name[] = "/tmp/dvs-victim-linked-XXXXXX", second[64];

	NEED(mkstemp(name) >= 0);
	snprintf(second, sizeof(second), "%s-2", name);
	NEED(link(name, second) == 0 && unlink(name) == 0);
}

static bool is_deep;
#define DEPTH 25

/* Step by step, for no call takes so long a path. */
static bool go_deep(char name[201])
{
	memset(name, 'n', 200);
	name[200] = 0;
	if (chdir("/tmp"))
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

	NEED(go_deep(name));
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
	NEED(open("/proc/self/status", O_RDONLY) >= 0);
}

static void device(void)
{
	NEED(open("/dev/kmsg", O_RDONLY) >= 0 || open("/dev/fuse", O_RDWR) >= 0);
}

static const struct kind name_kinds[] = {
	{ "deleted", "deleted", deleted },
	{ "deleted_mapped", "deleted", deleted_mapped },
	{ "file_lock", "lock", file_lock },
	{ "record_lock", "lock", record_lock },
	{ "proc_file", "proc file system", proc_file },
	{ "message_queue", "POSIX message queue", message_queue },
	{ "renamed_by_links", "other names only", renamed_by_links },
	{ "long_path", "longer than", long_path },
	{ "device", "device", device },
	{ NULL, NULL, NULL },
};
