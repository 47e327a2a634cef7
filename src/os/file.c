/* SPDX-License-Identifier: Apache-2.0 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "os/socket.h"

int os_file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
	size_t len = 0;
	ssize_t got = 1;

	if (fd < 0)
		return -errno;
	while (len < size && got > 0) {
		got = read(fd, buf + len, size - len);
		if (got > 0)
			len += (size_t)got;
	}
	if (got < 0)
		r = -errno;
	close(fd);
	if (r)
		return r;
	if (len == size)
		return -EFBIG;
	buf[len] = '\0';
	return (int)len;
}

/* The names in the folder of a file. A file system that has no way to do so keeps them as it keeps them. */
static int sync_folder(const char *path)
{
	char folder[512];
	const char *end = strrchr(path, '/');
	size_t len = end ? (size_t)(end - path) + 1 : 2;
	int fd, r = 0;

	if (len >= sizeof(folder))
		return -ENAMETOOLONG;
	memcpy(folder, end ? path : "./", len);
	folder[len] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0 && errno != EINVAL)
		r = -errno;
	close(fd);
	return r;
}

int os_file_begin(const char *path, char *name, size_t size)
{
	int fd;

	if (snprintf(name, size, "%s.XXXXXX", path) >= (int)size)
		return -ENAMETOOLONG;
	fd = mkostemp(name, O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void os_file_drop(const char *name)
{
	unlink(name);
}

int os_file_sync(int fd)
{
	/* One that has no disk has nothing to put there. */
	return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

int os_file_replace(const char *path, const char *by)
{
	int r = rename(by, path) < 0 ? -errno : 0;

	if (r) {
		unlink(by);
		return r;
	}
	return sync_folder(path);
}

int os_file_write(const char *path, const char *text)
{
	char next[256];
	FILE *file;
	int r;

	if (snprintf(next, sizeof(next), "%s.next", path) >= (int)sizeof(next))
		return -ENAMETOOLONG;
	file = fopen(next, "we");
	if (!file)
		return -errno;
	r = fputs(text, file) < 0 ? -EIO : 0;
	if (!r && (fflush(file) || fsync(fileno(file)) < 0))
		r = -errno;
	if (fclose(file) && !r)
		r = -errno;
	if (!r)
		return os_file_replace(path, next);
	unlink(next);
	return r;
}

int os_file_make(const char *path, unsigned mode, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode), r;

	if (fd < 0)
		return -errno;
	r = os_write_full(fd, bytes, len, -1);
	if (!r && fsync(fd) < 0)
		r = -errno;
	close(fd);
	if (!r)
		r = sync_folder(path);
	if (r)
		unlink(path);
	return r;
}

int os_folder_make(const char *path)
{
	return mkdir(path, 0755) < 0 ? -errno : 0;
}

int os_folder_remove(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
			r = -errno;
	}
	closedir(dir);
	if (!r && rmdir(path) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

int os_files_remove(const char *pattern)
{
	glob_t found;
	int r = glob(pattern, GLOB_NOSORT, NULL, &found), one;

	if (r == GLOB_NOMATCH)
		return 0;
	if (r)
		return r == GLOB_NOSPACE ? -ENOMEM : -EIO;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];

		one = unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
		if (one == -EISDIR)
			one = os_folder_remove(path);
		r = r ? r : one;
	}
	globfree(&found);
	return r;
}

void os_folder_remove_empty(const char *path)
{
	(void)rmdir(path); /* somebody else's files in it are a good reason to leave it */
}

bool os_folder_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool os_file_is_same(const char *one, const char *other)
{
	struct stat a, b;

	return !stat(one, &a) && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int os_folder_lock(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
		;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (st.st_nlink == 0)
		r = -ENOENT;
	if (r) {
		close(fd);
		return r;
	}
	return fd;
}
