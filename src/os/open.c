/* SPDX-License-Identifier: Apache-2.0 */
#include "os/open.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OPEN_TRIES 100

_Static_assert(OS_OPEN_WRITE == O_WRONLY && OS_OPEN_BOTH == O_RDWR && OS_OPEN_ACCESS == O_ACCMODE &&
		       OS_OPEN_READ == O_RDONLY,
	       "access");
_Static_assert(OS_OPEN_CREATE == O_CREAT && OS_OPEN_EXCLUSIVE == O_EXCL &&
		       OS_OPEN_NO_TERMINAL == O_NOCTTY && OS_OPEN_TRUNCATE == O_TRUNC &&
		       OS_OPEN_NO_LINK == O_NOFOLLOW && OS_OPEN_FOLDER == O_DIRECTORY &&
		       (OS_OPEN_NAMELESS | OS_OPEN_FOLDER) == O_TMPFILE,
	       "opening");
_Static_assert(OS_OPEN_APPEND == O_APPEND && OS_OPEN_NONBLOCK == O_NONBLOCK &&
		       OS_OPEN_ASYNC == O_ASYNC && OS_OPEN_DIRECT == O_DIRECT &&
		       OS_OPEN_CLOEXEC == O_CLOEXEC && OS_OPEN_PATH == O_PATH,
	       "state");
_Static_assert((int)OS_OPEN_OWNER_THREAD == F_OWNER_TID &&
		       (int)OS_OPEN_OWNER_PROCESS == F_OWNER_PID &&
		       (int)OS_OPEN_OWNER_GROUP == F_OWNER_PGRP,
	       "owner");
_Static_assert(OS_FOLDER_CURRENT == AT_FDCWD, "folder");

int os_open_at(int folder, const char *name, unsigned flags)
{
	int fd;

	/* There are no rights for a new one. */
	assert(!(flags & (O_CREAT | O_TMPFILE) & ~O_DIRECTORY));
	fd = openat(folder, name, (int)flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int os_open_below(int root, const char *path, unsigned flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	int r = -EAGAIN;

	assert(root >= 0);
	/* A ".." in a link is refused for the moment in which somebody renames or mounts. */
	for (int try = 0; r == -EAGAIN && try < OPEN_TRIES; try++) {
		r = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
		if (r < 0)
			r = -errno;
	}
	return r;
}

int os_open_again(int fd, unsigned flags)
{
	char name[40];

	assert(fd >= 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return os_open_at(AT_FDCWD, name, flags);
}

int os_open_set_flags(int fd, unsigned flags)
{
	assert(fd >= 0);
	return fcntl(fd, F_SETFL, (int)flags) < 0 ? -errno : 0;
}

int os_open_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -errno : flags;
}

int os_open_owner(int fd, struct os_open_owner *owner)
{
	struct f_owner_ex found = { .pid = 0 };
	int signal = fcntl(fd, F_GETSIG);

	if (signal < 0 || fcntl(fd, F_GETOWN_EX, &found) < 0)
		return -errno;
	*owner = (struct os_open_owner){ (enum os_open_owner_type)found.type, found.pid, signal };
	return 0;
}

int os_open_set_owner(int fd, const struct os_open_owner *owner)
{
	const struct f_owner_ex wanted = { .type = (int)owner->type, .pid = owner->pid };

	assert(owner->pid > 0);
	return fcntl(fd, F_SETOWN_EX, &wanted) < 0 ? -errno : 0;
}

bool os_open_has_owner(int fd)
{
	struct os_open_owner owner;

	return os_open_owner(fd, &owner) == 0 && owner.pid != 0;
}

ssize_t os_read_at(int fd, void *to, size_t bytes, uint64_t position)
{
	ssize_t got = pread(fd, to, bytes, (off_t)position);

	return got < 0 ? -errno : got;
}

ssize_t os_write_at(int fd, const void *from, size_t bytes, uint64_t position)
{
	ssize_t done = pwrite(fd, from, bytes, (off_t)position);

	return done < 0 ? -errno : done;
}

int os_seek(int fd, int64_t position)
{
	off_t at = lseek(fd, position, SEEK_SET);

	if (at < 0)
		return -errno;
	return at == position ? 0 : -EINVAL;
}

int os_seek_data(int fd, uint64_t at, uint64_t limit, uint64_t *start, uint64_t *end)
{
	assert(at <= limit);
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);

	if (data < 0 && errno != ENXIO)
		return -errno;
	if (data < 0 || (uint64_t)data >= limit)
		return 0;
	off_t hole = lseek(fd, data, SEEK_HOLE);

	*start = (uint64_t)data;
	*end = hole < 0 || (uint64_t)hole > limit ? limit : (uint64_t)hole;
	assert(*start <= *end);
	return 1;
}
