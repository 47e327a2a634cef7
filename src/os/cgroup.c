/* SPDX-License-Identifier: Apache-2.0 */
#include "os/cgroup.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/pid.h"
#include "os/socket.h"
#include "os/thread.h"

#define FOLDERS_MAX  64 /* of daemons with one number that share a group */
#define DEPTH_MAX    16
#define RELEASE_NAPS 400
#define NAP_NS	     5000000
#define KILL_ROUNDS  8 /* a process that forks just then gives another one to look for */

/* Where the version 2 hierarchy is mounted, all of it. */
static int mounted_at(char *path, size_t size)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[2 * PATH_MAX], root[PATH_MAX], at[PATH_MAX];
	int r = -ENOENT;

	assert(size > 0);
	if (!file)
		return -errno;
	while (r < 0 && fgets(line, sizeof(line), file)) {
		if (!strstr(line, " - cgroup2 ") ||
		    sscanf(line, "%*s %*s %*s %4095s %4095s", root, at) != 2 || strcmp(root, "/"))
			continue;
		r = snprintf(path, size, "%s", at) < (int)size ? 0 : -ENAMETOOLONG;
	}
	fclose(file);
	return r;
}

/* The caller's own group. */
static int open_own(void)
{
	char at[PATH_MAX], line[PATH_MAX] = "", path[2 * PATH_MAX];
	int r = mounted_at(at, sizeof(at));
	FILE *file;

	if (r < 0)
		return r;
	file = fopen("/proc/self/cgroup", "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file) && strncmp(line, "0::/", 4) != 0)
		line[0] = 0;
	fclose(file);
	line[strcspn(line, "\n")] = 0;
	/* "/.." is outside of the part that this namespace may see. */
	if (!line[0] || strncmp(line + 3, "/..", 3) == 0)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s%s", at, line + 3);
	r = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r < 0 ? -errno : r;
}

static int open_group(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static bool is_folder(const char *name)
{
	return strncmp(name, OS_CGROUP_FOLDER, sizeof(OS_CGROUP_FOLDER) - 1) == 0;
}

/* Calls fn for each group in this one. */
static void each(int group, void (*fn)(int group, const char *name, int depth), int depth)
{
	int fd = open_group(group, ".");
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	assert(fn);
	if (!dir) {
		os_close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			fn(group, entry->d_name, depth);
	closedir(dir);
}

/* From the bottom up, as far as nothing runs there. */
static void remove_tree(int group, const char *name, int depth)
{
	int fd = depth < DEPTH_MAX ? open_group(group, name) : -1;

	assert(depth >= 0 && depth <= DEPTH_MAX);
	if (fd < 0)
		return;
	each(fd, remove_tree, depth + 1);
	os_close(fd);
	unlinkat(group, name, AT_REMOVEDIR);
}

static void kill_tree(int group, const char *name, int depth)
{
	int fd = depth < DEPTH_MAX ? open_group(group, name) : -1;

	assert(depth >= 0 && depth <= DEPTH_MAX);
	if (fd < 0)
		return;
	os_cgroup_kill(group, name);
	each(fd, kill_tree, depth + 1);
	os_close(fd);
}

/* Locked, and still the group of that name. -EAGAIN: it is another's, or one has just removed it. */
static int lock_folder(int own, const char *name)
{
	int fd = open_group(own, name);
	struct stat here, there;

	assert(own >= 0);
	if (fd < 0)
		return fd == -ENOENT ? -EAGAIN : fd;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &here) == 0 &&
	    fstatat(own, name, &there, 0) == 0 && here.st_ino == there.st_ino)
		return fd;
	os_close(fd);
	return -EAGAIN;
}

int os_cgroup_folder_name(int folder, char *name, size_t size)
{
	char link[64], path[PATH_MAX];
	const char *slash;
	ssize_t n;

	assert(size > 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", folder);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = 0;
	slash = strrchr(path, '/');
	if (!slash || !is_folder(slash + 1))
		return -ENOENT;
	return snprintf(name, size, "%s", slash + 1) < (int)size ? 0 : -ENAMETOOLONG;
}

bool os_cgroup_release(int folder)
{
	char name[OS_CGROUP_NAME_MAX];
	int own = -1, naps = RELEASE_NAPS, r;

	assert(folder >= 0);
	r = os_cgroup_folder_name(folder, name, sizeof(name));
	if (r == 0)
		own = open_group(folder, "..");
	each(folder, kill_tree, 0);
	do {
		each(folder, remove_tree, 0);
		if (own >= 0)
			r = unlinkat(own, name, AT_REMOVEDIR) < 0 ? -errno : 0;
		if (r == -EBUSY)
			os_thread_sleep_ns(NAP_NS);
	} while (r == -EBUSY && --naps);
	os_close(own);
	os_close(folder);
	return r == 0;
}

/* One whose daemon has ended. */
static void sweep_folder(int group, const char *name, int depth)
{
	int fd = is_folder(name) ? lock_folder(group, name) : -1;

	(void)depth;
	if (fd >= 0)
		os_cgroup_release(fd);
}

int os_cgroup_claim(int node)
{
	int own = open_own(), r = -EAGAIN;

	if (own < 0)
		return own;
	each(own, sweep_folder, 0);
	for (int i = 0; i < FOLDERS_MAX && r == -EAGAIN; i++) {
		char name[OS_CGROUP_NAME_MAX];

		snprintf(name, sizeof(name), i ? OS_CGROUP_FOLDER "%d-%d" : OS_CGROUP_FOLDER "%d",
			 node, i);
		if (mkdirat(own, name, 0755) < 0 && errno != EEXIST)
			r = -errno;
		else
			r = lock_folder(own, name);
	}
	os_close(own);
	return r;
}

static void sweep(int group, const char *name, int depth)
{
	int fd;

	assert(depth >= 0 && depth <= DEPTH_MAX);
	if (is_folder(name)) {
		sweep_folder(group, name, depth);
		return;
	}
	fd = depth < DEPTH_MAX ? open_group(group, name) : -1;
	if (fd < 0)
		return;
	each(fd, sweep, depth + 1);
	os_close(fd);
}

void os_cgroup_sweep(void)
{
	char at[PATH_MAX];
	int top;

	if (mounted_at(at, sizeof(at)) < 0)
		return;
	top = open_group(AT_FDCWD, at);
	if (top < 0)
		return;
	each(top, sweep, 0);
	os_close(top);
}

void os_cgroup_each(int folder, void (*fn)(void *ctx, const char *name), void *ctx)
{
	int fd = open_group(folder, ".");
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	assert(folder >= 0);
	if (!dir)
		os_close(fd);
	while (dir && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			fn(ctx, entry->d_name);
	if (dir)
		closedir(dir);
}

int os_cgroup_make(int folder, const char *name)
{
	assert(folder >= 0);
	return mkdirat(folder, name, 0755) < 0 ? -errno : open_group(folder, name);
}

int os_cgroup_remove(int folder, const char *name)
{
	assert(folder >= 0);
	if (unlinkat(folder, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno == EBUSY) /* groups that a program has made in it stand in the way, too */
		remove_tree(folder, name, 0);
	else
		return -errno;
	return faccessat(folder, name, F_OK, 0) < 0 ? 0 : -EBUSY;
}

int os_cgroup_pids(int folder, const char *name, pid_t *pids, int max)
{
	char path[OS_CGROUP_NAME_MAX + 16];
	int fd, count = 0;
	long pid;
	FILE *file;

	assert(max >= 0);
	snprintf(path, sizeof(path), "%s/cgroup.procs", name);
	fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "r");
	if (!file) {
		os_close(fd);
		return -ENOMEM;
	}
	while (fscanf(file, "%ld", &pid) == 1) {
		if (count < max)
			pids[count] = (pid_t)pid;
		count++;
	}
	fclose(file);
	return count;
}

/* Before Linux 5.14: one after the other, each looked at again once it is named for good. */
static int kill_one_by_one(int folder, const char *name)
{
	pid_t pids[256], again[256];
	int count = 0;

	for (int round = 0; round < KILL_ROUNDS; round++) {
		count = os_cgroup_pids(folder, name, pids, 256);
		for (int i = 0; i < count && i < 256; i++) {
			int pidfd = os_pidfd_open(pids[i], false);
			int now = os_cgroup_pids(folder, name, again, 256);

			for (int j = 0; j < now && j < 256; j++)
				if (again[j] == pids[i])
					os_pidfd_signal(pidfd, SIGKILL);
			os_close(pidfd);
		}
		if (count <= 0)
			break;
	}
	return count < 0 ? count : 0;
}

int os_cgroup_kill(int folder, const char *name)
{
	char path[OS_CGROUP_NAME_MAX + 16];
	int fd, r;

	assert(folder >= 0);
	snprintf(path, sizeof(path), "%s/cgroup.kill", name);
	fd = openat(folder, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? kill_one_by_one(folder, name) : -errno;
	r = write(fd, "1", 1) == 1 ? 0 : -errno;
	os_close(fd);
	return r;
}
