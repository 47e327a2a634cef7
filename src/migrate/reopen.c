/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target's side of files: a name is a question, an inode is an answer. The name leads to an object
 * that is held by O_PATH, which opens nothing; the object is compared with the one that the process had;
 * and that very object is opened. So nobody gains by exchanging names meanwhile.
 *
 * The very same object is opened with the daemon's rights, for the process has it open already, maybe
 * from a time when it had other rights. Any other object (a copy of a library on another machine, a file
 * of a network file system) is looked for and opened with the rights of the process.
 */
#include "migrate/reopen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/kernel.h"

#define GROUPS_MAX 65536
#define CAP_WORDS  2

/* Capabilities that open what the ids alone do not. */
#define FILE_CAPABILITIES                                                              \
	(1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_FOWNER | \
	 1ull << CAP_SYS_ADMIN)

/* What this thread had, while it acts with the rights of a process. */
struct rights {
	struct __user_cap_data_struct capability[CAP_WORDS];
	uint32_t uid, gid;
	gid_t *group; /* owned */
	int group_count;
};

static struct __user_cap_header_struct capability_head(void)
{
	return (struct __user_cap_header_struct){ .version = _LINUX_CAPABILITY_VERSION_3 };
}

/* The calls themselves, for the library's functions change all threads of this program. */
static void give_back(struct rights *rights)
{
	struct __user_cap_header_struct head = capability_head();

	syscall(SYS_setfsuid, rights->uid);
	syscall(SYS_capset, &head, rights->capability);
	syscall(SYS_setfsgid, rights->gid);
	syscall(SYS_setgroups, rights->group_count, rights->group);
	free(rights->group);
}

static int assume(struct rights *rights, const struct image_opener *opener)
{
	struct __user_cap_header_struct head = capability_head();
	struct __user_cap_data_struct less[CAP_WORDS];

	rights->group = malloc(GROUPS_MAX * sizeof(gid_t));
	if (!rights->group)
		return -ENOMEM;
	rights->group_count = getgroups(GROUPS_MAX, rights->group);
	rights->uid = (uint32_t)syscall(SYS_setfsuid, -1);
	rights->gid = (uint32_t)syscall(SYS_setfsgid, -1);
	if (rights->group_count < 0 || syscall(SYS_capget, &head, rights->capability) < 0 ||
	    syscall(SYS_setgroups, opener->group_count, opener->group) < 0) {
		free(rights->group);
		return -EPERM;
	}
	uint64_t lost = FILE_CAPABILITIES & ~opener->effective;

	memcpy(less, rights->capability, sizeof(less));
	less[0].effective &= ~(uint32_t)lost;
	less[1].effective &= ~(uint32_t)(lost >> 32);
	syscall(SYS_setfsgid, opener->gid);
	syscall(SYS_setfsuid, opener->uid);
	/* The change of the user took some away, which a process may have all the same. */
	if (syscall(SYS_capset, &head, less) == 0 &&
	    (uint32_t)syscall(SYS_setfsuid, -1) == opener->uid &&
	    (uint32_t)syscall(SYS_setfsgid, -1) == opener->gid)
		return 0;
	give_back(rights);
	return -EPERM;
}

static bool same_contents(const struct image_file *there, const struct image_file *here)
{
	if (there->build_id_length)
		return there->build_id_length == here->build_id_length &&
		       there->size == here->size &&
		       memcmp(there->build_id, here->build_id, there->build_id_length) == 0;
	return there->size == here->size && there->mtime_s == here->mtime_s &&
	       there->mtime_ns == here->mtime_ns;
}

static int compare_other(const struct file *file, int fd, struct image_file *here,
			 unsigned long type, struct refusal *refusal)
{
	const struct image_file *there = &file->image;

	if (there->use & (IMAGE_FILE_DIRECTORY | IMAGE_FILE_DEVICE))
		return 0;
	if (files_is_network(type) && here->inode == there->inode && !there->build_id_length)
		return 0;
	if (there->use & IMAGE_FILE_WRITTEN && !files_is_network(type))
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process writes to %s, which is not the same file on the "
				   "target; put it on a file system that both nodes share",
				   file->path);
	if (there->build_id_length)
		files_build_id(fd, here);
	if (!same_contents(there, here))
		return refusal_set(refusal, EDVSPROCSTS,
				   "%s differs on the target (other build, size or time); install "
				   "the same version on both nodes",
				   file->path);
	return 0;
}

/* 1: the very same object; 0: another that will do. */
static int compare(const struct file *file, int fd, bool same_machine, struct refusal *refusal)
{
	const struct image_file *there = &file->image;
	struct image_file here = { 0 };
	unsigned long type = 0;
	int r = files_describe(fd, &here, &type);

	if (r < 0)
		return refusal_set(refusal, EDVSNOENT, "the target cannot look at %s: %s",
				   file->path, strerror(-r));
	if ((here.mode & S_IFMT) != (there->mode & S_IFMT) || here.rdev != there->rdev)
		return refusal_set(refusal, EDVSPROCSTS, "%s is another kind of file on the target",
				   file->path);
	if (same_machine && here.device == there->device && here.inode == there->inode)
		return 1;
	return compare_other(file, fd, &here, type, refusal);
}

static int find(const struct file *file, int root, struct refusal *refusal)
{
	int fd = files_open_below(root, file->path, O_PATH);

	if (fd >= 0)
		return fd;
	return refusal_set(refusal, EDVSNOENT, "the target cannot open %s: %s", file->path,
			   strerror(-fd));
}

int files_compare(const struct files *files, int root, bool same_machine, struct refusal *refusal)
{
	for (uint32_t i = 0; i < files->count; i++) {
		if (files->file[i].image.use & IMAGE_FILE_MEMORY)
			continue;
		int fd = find(&files->file[i], root, refusal);

		if (fd < 0)
			return fd;
		int r = compare(&files->file[i], fd, same_machine, refusal);

		close(fd);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Takes the descriptor of the object; returns one that is opened. */
static int open_object(const struct file *file, int fd, uint32_t flags, struct refusal *refusal)
{
	char name[40];

	if (flags & O_PATH)
		return fd;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	int opened = open(name, (int)flags | O_CLOEXEC | O_NOCTTY);
	int error = errno;

	close(fd);
	if (opened >= 0)
		return opened;
	return refusal_set(refusal, EDVSPROCSTS, "the target cannot open %s: %s", file->path,
			   strerror(error));
}

static int open_other(const struct file *file, int root, bool same_machine,
		      const struct image_opener *opener, uint32_t flags, struct refusal *refusal)
{
	struct rights rights;

	if (assume(&rights, opener) < 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the target cannot act with the rights of the process");
	int fd = find(file, root, refusal);

	if (fd >= 0) {
		int r = compare(file, fd, same_machine, refusal);

		if (r >= 0)
			fd = open_object(file, fd, flags, refusal);
		else
			close(fd);
		fd = r < 0 ? r : fd;
	}
	give_back(&rights);
	return fd;
}

int files_reopen(const struct file *file, int root, bool same_machine,
		 const struct image_opener *opener, uint32_t flags, struct refusal *refusal)
{
	int fd = find(file, root, refusal);

	if (fd < 0)
		return fd;
	int r = compare(file, fd, same_machine, refusal);

	if (r == 1)
		return open_object(file, fd, flags, refusal);
	close(fd);
	return r < 0 ? r : open_other(file, root, same_machine, opener, flags, refusal);
}
