/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The target's side of files: a name is a question, an inode is an answer. The name leads to an object
 * that is held by O_PATH, which opens nothing; the object is compared with the one that the process had;
 * and that very object is opened. So nobody gains by exchanging names meanwhile.
 *
 * The very same object is opened with the daemon's rights, for the process has it open already, maybe
 * from a time when it had other rights. Any other object (a copy of a library on another machine, a file
 * of a network file system) is looked for and opened with the rights of the process, and so is one of a process
 * that ended long ago, in whose image the numbers of a file may be those of another file by now.
 */
#include "migrate/reopen.h"

#include <assert.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/carry.h"
#include "migrate/deleted.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/rights.h"
#include "os/socket.h"

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

	if (there->use & (IMAGE_FILE_DIRECTORY | IMAGE_FILE_DEVICE) ||
	    (there->mode & OS_MODE_KIND) == OS_MODE_PIPE)
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
				   "the same version on both nodes, or let it be carried along "
				   "(--carry-files)",
				   file->path);
	return 0;
}

/* 1: the very same object; 0: another that will do. */
static int compare(const struct file *file, int fd, bool same_machine, struct refusal *refusal)
{
	assert(fd >= 0);
	const struct image_file *there = &file->image;
	struct image_file here = { 0 };
	unsigned long type = 0;
	int r = files_describe(fd, &here, &type);

	if (r < 0)
		return refusal_set(refusal, EDVSNOENT, "the target cannot look at %s: %s",
				   file->path, strerror(-r));
	if ((here.mode & OS_MODE_KIND) != (there->mode & OS_MODE_KIND) || here.rdev != there->rdev)
		return refusal_set(refusal, EDVSPROCSTS, "%s is another kind of file on the target",
				   file->path);
	if (same_machine && here.device == there->device && here.inode == there->inode)
		return 1;
	return compare_other(file, fd, &here, type, refusal);
}

static int find(const struct file *file, int root, struct refusal *refusal)
{
	int fd = os_open_below(root, file->path, OS_OPEN_PATH);

	if (fd >= 0)
		return fd;
	return refusal_set(refusal, EDVSNOENT, "the target cannot open %s: %s%s", file->path,
			   strerror(-fd),
			   files_can_be_carried(file) ? "; install it there, or let it be carried "
							"along (--carry-files)"
						      : "");
}

static int compare_one(const struct file *file, int root, bool same_machine,
		       struct refusal *refusal)
{
	if (file->image.use & IMAGE_FILE_DELETED && deleted_check(file, root, refusal))
		return refusal->error;
	if (file->image.use & (IMAGE_FILE_MEMORY | IMAGE_FILE_DELETED))
		return 0;
	int fd = find(file, root, refusal);

	if (fd < 0)
		return fd;
	int r = compare(file, fd, same_machine, refusal);

	os_close(fd);
	return r;
}

int files_compare(const struct files *files, int root, bool same_machine, struct carried *carried,
		  struct refusal *refusal)
{
	for (uint32_t i = 0; i < files->count; i++) {
		const struct file *file = &files->file[i];
		struct refusal own = REFUSAL_NONE;

		if (carried_keeps(carried, file) ||
		    compare_one(file, root, same_machine, &own) >= 0)
			continue;
		int r = carried_want(carried, file, refusal);

		if (r < 0)
			return r;
		if (r == CARRIED_NOT)
			return refusal_set_number(refusal, own.error, "%s", own.reason);
	}
	return 0;
}

/* Takes the descriptor of the object; returns one that is opened. */
static int open_object(const struct file *file, int fd, uint32_t flags, struct refusal *refusal)
{
	assert(fd >= 0);
	if (flags & OS_OPEN_PATH)
		return fd;
	int opened = os_open_again(fd, flags | OS_OPEN_NO_TERMINAL);

	os_close(fd);
	if (opened >= 0)
		return opened;
	return refusal_set(refusal, EDVSPROCSTS, "the target cannot open %s: %s", file->path,
			   strerror(-opened));
}

static int open_other(const struct file *file, int root, bool same_machine,
		      const struct image_opener *opener, uint32_t flags, struct refusal *refusal)
{
	const struct os_rights_wanted wanted = { opener->uid, opener->gid, opener->effective,
						 opener->group, opener->group_count };
	struct os_rights *rights;

	if (os_rights_assume(&rights, &wanted) < 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the target cannot act with the rights of the process");
	int fd = find(file, root, refusal);

	if (fd >= 0) {
		int r = compare(file, fd, same_machine, refusal);

		if (r >= 0)
			fd = open_object(file, fd, flags, refusal);
		else
			os_close(fd);
		fd = r < 0 ? r : fd;
	}
	os_rights_give_back(rights);
	return fd;
}

int files_reopen(const struct file *file, int root, bool same_machine, bool held,
		 const struct image_opener *opener, uint32_t flags, struct refusal *refusal)
{
	assert(!(file->image.use & IMAGE_FILE_MEMORY)); /* which no name leads to */
	int fd = find(file, root, refusal);

	if (fd < 0)
		return fd;
	int r = compare(file, fd, same_machine, refusal);

	if (r == 1 && held)
		return open_object(file, fd, flags, refusal);
	os_close(fd);
	return r < 0 ? r : open_other(file, root, same_machine, opener, flags, refusal);
}
