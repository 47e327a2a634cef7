/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/memfd.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/inode.h"
#include "os/memfd.h"
#include "os/open.h"
#include "os/socket.h"

#define PREFIX	       "/memfd:"
#define SUFFIX	       " (deleted)"
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
		int fd = os_memfd_new_file("dvs-device");
		struct os_status status = { 0 };

		if (fd >= 0 && os_status(fd, &status) == 0)
			atomic_store(&known, status.device);
		os_close(fd);
		theirs = status.device;
	}
	return theirs == device;
}

static int describe(int fd, struct image_file *image, struct refusal *refusal)
{
	unsigned long type;
	struct os_status status;
	int seals = os_memfd_seals(fd);
	int r = files_describe(fd, image, &type);

	if (r == 0)
		r = os_status(fd, &status);
	if (r < 0)
		return refusal_set(refusal, EDVSIO, "a memory file (memfd) cannot be read: %s",
				   strerror(-r));
	if (!is_on_their_device(image->device) || (image->mode & OS_MODE_KIND) != OS_MODE_FILE)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses a memory file (memfd) of huge pages or of "
				   "another kind, which cannot be carried");
	if (image->size > IMAGE_ADDRESS_END)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses a memory file (memfd) that is larger than any "
				   "address space, which cannot be carried");
	if (seals < 0 || (unsigned)seals & ~SEALS_KNOWN)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses a memory file (memfd) with an unknown seal");
	if (os_inode_has_attributes(fd))
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses a memory file (memfd) with extended "
				   "attributes, which are not carried");
	image->uid = status.uid;
	image->gid = status.gid;
	image->seals = (uint32_t)seals;
	image->use |= IMAGE_FILE_MEMORY;
	return 0;
}

int memfd_describe(int dir, const char *link, struct image_file *image, struct refusal *refusal)
{
	int fd = os_open_at(dir, link, OS_OPEN_READ);

	if (fd < 0)
		return refusal_set(refusal, EDVSIO, "a memory file (memfd) cannot be read: %s",
				   strerror(-fd));
	int r = describe(fd, image, refusal);

	os_close(fd);
	return r;
}

static int refuse_new(const struct file *file, int r, struct refusal *refusal)
{
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make the memory file %.100s of the process: %s",
			   file->path, strerror(-r));
}

int memfd_make(const struct file *file, struct refusal *refusal)
{
	assert(file->image.use & IMAGE_FILE_MEMORY);
	size_t length = strlen(file->path), end = sizeof(SUFFIX) - 1;
	char name[NAME_BYTES_MAX] = "";

	if (!memfd_is_link(file->path) || file->image.size > IMAGE_ADDRESS_END)
		return refuse_new(file, -EINVAL, refusal);
	if (length > end && strcmp(file->path + length - end, SUFFIX) == 0)
		length -= end;
	length -= sizeof(PREFIX) - 1;
	if (length >= sizeof(name))
		return refuse_new(file, -EINVAL, refusal);
	memcpy(name, file->path + sizeof(PREFIX) - 1, length);
	int fd = os_memfd_new_file(name);
	int r = fd < 0 ? fd : os_inode_resize(fd, file->image.size);

	if (r == 0)
		return fd;
	os_close(fd);
	return refuse_new(file, r, refusal);
}

int memfd_reopen(const struct file *file, int fd, uint32_t flags, struct refusal *refusal)
{
	assert(fd >= 0); /* made before anything is mapped or opened */
	int opened = os_open_again(fd, flags);

	return opened < 0 ? refuse_new(file, opened, refusal) : opened;
}

int memfd_seal(const struct file *file, int fd, struct refusal *refusal)
{
	const struct image_file *image = &file->image;
	assert(fd >= 0);
	int r = os_inode_own(fd, image->uid, image->gid, image->mode & OS_MODE_RIGHTS);

	if (r == 0)
		r = os_inode_set_mtime(fd, image->mtime_s, image->mtime_ns);
	if (r == 0)
		r = os_memfd_add_seals(fd, image->seals);
	/* A setting of the target may add one (vm.memfd_noexec). */
	if (r == 0 && os_memfd_seals(fd) != (int)image->seals)
		r = -EPERM;
	return r < 0 ? refuse_new(file, r, refusal) : 0;
}
