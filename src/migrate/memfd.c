/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/memfd.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/kernel.h"

#define PREFIX	       "/memfd:"
#define SUFFIX	       " (deleted)"
#define EXECUTABLE     0x10u /* MFD_EXEC, of Linux 6.3 */
#define SEALS_KNOWN    0x3fu
#define NAME_BYTES_MAX 250 /* MFD_NAME_MAX_LEN and a zero */

bool memfd_is_link(const char *path)
{
	return strncmp(path, PREFIX, sizeof(PREFIX) - 1) == 0;
}

/* The kernel keeps memory files on a file system of their own, which stays the same one. */
static bool is_on_their_device(uint64_t device)
{
	static _Atomic uint64_t known;
	uint64_t theirs = atomic_load(&known);

	if (!theirs) {
		int fd = (int)syscall(SYS_memfd_create, "dvs-device", MFD_CLOEXEC);
		struct stat status = { 0 };

		if (fd >= 0 && fstat(fd, &status) == 0)
			atomic_store(&known, status.st_dev);
		if (fd >= 0)
			close(fd);
		theirs = status.st_dev;
	}
	return theirs == device;
}

static int describe(int fd, struct image_file *image, struct refusal *refusal)
{
	unsigned long type;
	struct stat status;
	int seals = fcntl(fd, F_GET_SEALS);

	if (files_describe(fd, image, &type) < 0 || fstat(fd, &status) < 0)
		return refusal_set(refusal, EDVSIO, "a memory file (memfd) cannot be read: %s",
				   strerror(errno));
	if (!is_on_their_device(image->device) || !S_ISREG(image->mode))
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses a memory file (memfd) of huge pages or of "
				   "another kind, which cannot be carried");
	if (seals < 0 || (unsigned)seals & ~SEALS_KNOWN)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses a memory file (memfd) with an unknown seal");
	if (flistxattr(fd, NULL, 0) > 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses a memory file (memfd) with extended "
				   "attributes, which are not carried");
	image->uid = status.st_uid;
	image->gid = status.st_gid;
	image->seals = (uint32_t)seals;
	image->use |= IMAGE_FILE_MEMORY;
	return 0;
}

int memfd_describe(int dir, const char *link, struct image_file *image, struct refusal *refusal)
{
	int fd = openat(dir, link, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return refusal_set(refusal, EDVSIO, "a memory file (memfd) cannot be read: %s",
				   strerror(errno));
	int r = describe(fd, image, refusal);

	close(fd);
	return r;
}

static int refuse_new(const struct file *file, int error, struct refusal *refusal)
{
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make the memory file %.100s of the process: %s",
			   file->path, strerror(error));
}

int memfd_make(const struct file *file, struct refusal *refusal)
{
	size_t length = strlen(file->path), end = sizeof(SUFFIX) - 1;
	char name[NAME_BYTES_MAX] = "";

	if (!memfd_is_link(file->path) || file->image.size > IMAGE_ADDRESS_END)
		return refuse_new(file, EINVAL, refusal);
	if (length > end && strcmp(file->path + length - end, SUFFIX) == 0)
		length -= end;
	length -= sizeof(PREFIX) - 1;
	if (length >= sizeof(name))
		return refuse_new(file, EINVAL, refusal);
	memcpy(name, file->path + sizeof(PREFIX) - 1, length);
	int fd = (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING | EXECUTABLE);

	if (fd < 0 && errno == EINVAL)
		fd = (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return refuse_new(file, errno, refusal);
	if (ftruncate(fd, (off_t)file->image.size) == 0)
		return fd;
	refuse_new(file, errno, refusal);
	close(fd);
	return refusal->error;
}

int memfd_reopen(const struct file *file, int fd, uint32_t flags, struct refusal *refusal)
{
	char name[40];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	int opened = open(name, (int)flags | O_CLOEXEC);

	return opened < 0 ? refuse_new(file, errno, refusal) : opened;
}

int memfd_seal(const struct file *file, int fd, struct refusal *refusal)
{
	const struct image_file *image = &file->image;
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = image->mtime_s, .tv_nsec = image->mtime_ns },
	};

	if (fchown(fd, image->uid, image->gid) < 0 || fchmod(fd, image->mode & 07777) < 0 ||
	    futimens(fd, times) < 0 || fcntl(fd, F_ADD_SEALS, image->seals) < 0)
		return refuse_new(file, errno, refusal);
	/* A setting of the target may add one (vm.memfd_noexec). */
	return fcntl(fd, F_GET_SEALS) == (int)image->seals ? 0 : refuse_new(file, EPERM, refusal);
}
