/* SPDX-License-Identifier: Apache-2.0 */
/* Folders that were deleted: the working directory, an open one, and one that was deleted with the one above it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "victims/victim.h"

static char link_before[256];
static int own, opened, nested, path_only;

static void read_cwd(char *link, size_t size)
{
	ssize_t length = readlink("/proc/self/cwd", link, size - 1);

	link[length > 0 ? length : 0] = 0;
}

static void build(void)
{
	char work[] = "/tmp/dvs-victim-folders-XXXXXX", other[80], above[80], below[96];

	VICTIM_CHECK(mkdtemp(work) && chmod(work, 0750) == 0);
	snprintf(other, sizeof(other), "%s-other", work);
	snprintf(above, sizeof(above), "%s-above", work);
	snprintf(below, sizeof(below), "%s/below", above);
	VICTIM_CHECK(mkdir(other, 0700) == 0 && mkdir(above, 0700) == 0 && mkdir(below, 0711) == 0);
	own = open(work, O_RDONLY | O_DIRECTORY);
	opened = open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	nested = open(below, O_RDONLY | O_DIRECTORY);
	path_only = open(below, O_PATH);
	VICTIM_CHECK(own >= 0 && opened >= 0 && nested >= 0 && path_only >= 0);
	VICTIM_CHECK(chdir(work) == 0 && chown(other, 7, 8) == 0 && chmod(other, 01770) == 0);
	VICTIM_CHECK(rmdir(work) == 0 && rmdir(other) == 0 && rmdir(below) == 0 &&
		     rmdir(above) == 0);
	read_cwd(link_before, sizeof(link_before));
}

static bool is(int fd, mode_t rights, uid_t uid, gid_t gid)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode) && status.st_nlink == 0 &&
	       (status.st_mode & 07777) == rights && status.st_uid == uid && status.st_gid == gid;
}

static bool is_empty(int fd)
{
	DIR *dir = fdopendir(dup(fd));
	bool empty = dir && !readdir(dir);

	if (dir)
		closedir(dir);
	return empty;
}

static void check(void)
{
	char path[256];
	struct stat here, there;

	VICTIM_CHECK(!getcwd(path, sizeof(path)) && errno == ENOENT);
	read_cwd(path, sizeof(path));
	VICTIM_CHECK(strcmp(path, link_before) == 0);
	VICTIM_CHECK(stat(".", &here) == 0 && fstat(own, &there) == 0 &&
		     here.st_ino == there.st_ino && here.st_dev == there.st_dev);
	VICTIM_CHECK(open("file", O_CREAT | O_WRONLY, 0600) < 0 && errno == ENOENT);
	VICTIM_CHECK(is(own, 0750, geteuid(), getegid()) && is_empty(own));
	VICTIM_CHECK(is(opened, 01770, 7, 8) && fcntl(opened, F_GETFD) == FD_CLOEXEC);
	VICTIM_CHECK(is(nested, 0711, geteuid(), getegid()));
	VICTIM_CHECK(is(path_only, 0711, geteuid(), getegid()) &&
		     fcntl(path_only, F_GETFL) & O_PATH);
}

int main(void)
{
	victim_begin();
	build();
	victim_ready();
	while (victim_moved())
		check();
	return victim_end();
}
