/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inode.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAMES_TRIED 100

_Static_assert(OS_MODE_KIND == S_IFMT && OS_MODE_PIPE == S_IFIFO && OS_MODE_DEVICE == S_IFCHR &&
		       OS_MODE_FOLDER == S_IFDIR && OS_MODE_FILE == S_IFREG &&
		       OS_MODE_SOCKET == S_IFSOCK,
	       "modes");

int os_inode(int fd, struct os_inode *inode)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	inode->dev = st.st_dev;
	inode->ino = st.st_ino;
	return 0;
}

int os_inode_at(int folder, const char *name, struct os_inode *inode)
{
	struct statx st;

	if (statx(folder, name, AT_STATX_DONT_SYNC, STATX_INO, &st) < 0)
		return -errno;
	inode->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	inode->ino = st.stx_ino;
	return 0;
}

static struct os_status status_of(const struct stat *st)
{
	return (struct os_status){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_s = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.links = st->st_nlink,
		.rdev = st->st_rdev,
	};
}

int os_status(int fd, struct os_status *status)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*status = status_of(&st);
	return 0;
}

int os_status_at(int folder, const char *name, struct os_status *status)
{
	struct stat st;

	if (fstatat(folder, name, &st, 0) < 0)
		return -errno;
	*status = status_of(&st);
	return 0;
}

int os_file_system(int fd, unsigned long *magic)
{
	struct statfs system;

	if (fstatfs(fd, &system) < 0)
		return -errno;
	*magic = (unsigned long)system.f_type;
	return 0;
}

uint32_t os_device_major(uint64_t device)
{
	return major(device);
}

uint32_t os_device_minor(uint64_t device)
{
	return minor(device);
}

uint64_t os_device(uint32_t device_major, uint32_t device_minor)
{
	return makedev(device_major, device_minor);
}

int os_inode_own(int fd, uint32_t uid, uint32_t gid, uint32_t rights)
{
	assert(!(rights & ~(uint32_t)OS_MODE_RIGHTS));
	/* A change of the owner takes rights away, so it comes first. */
	return fchown(fd, uid, gid) < 0 || fchmod(fd, rights) < 0 ? -errno : 0;
}

int os_inode_resize(int fd, uint64_t bytes)
{
	assert(bytes <= INT64_MAX);
	return ftruncate(fd, (off_t)bytes) < 0 ? -errno : 0;
}

int os_inode_set_mtime(int fd, int64_t s, uint32_t ns)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { .tv_sec = s, .tv_nsec = ns } };

	return futimens(fd, times) < 0 ? -errno : 0;
}

static int make_and_remove(int place, const char *name, bool is_folder)
{
	const int how = is_folder ? O_RDONLY | O_DIRECTORY : O_PATH;

	if ((is_folder ? mkdirat(place, name, 0700) : mkfifoat(place, name, 0600)) < 0)
		return -errno;
	int fd = openat(place, name, how | O_NOFOLLOW | O_CLOEXEC);
	int error = errno;

	unlinkat(place, name, is_folder ? AT_REMOVEDIR : 0);
	return fd < 0 ? -error : fd;
}

/* Under that name for a moment; where it is taken, or empty, under another one. */
static int make_nameless(int place, const char *name, bool is_folder)
{
	char other[48];

	assert(place >= 0);
	int r = *name ? make_and_remove(place, name, is_folder) : -EEXIST;

	for (unsigned try = 0; r == -EEXIST && try < NAMES_TRIED; try++) {
		snprintf(other, sizeof(other), ".dvs-made-%d-%u", (int)gettid(), try);
		r = make_and_remove(place, other, is_folder);
	}
	return r;
}

int os_inode_nameless_folder(int place, const char *name)
{
	return make_nameless(place, name, true);
}

int os_inode_nameless_fifo(int place)
{
	return make_nameless(place, "", false);
}

bool os_inode_has_attributes(int fd)
{
	return flistxattr(fd, NULL, 0) > 0;
}
