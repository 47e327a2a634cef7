/* SPDX-License-Identifier: Apache-2.0 */
/* Files, directories, devices without a state, memory files: all that have a FILE record. */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/memfd.h"
#include "migrate/reopen.h"
#include "migrate/restore.h"
#include "migrate/takeover.h"
#include "migrate/write_back.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"

struct file_body {
	int64_t position;
	uint32_t file;		  /* id of its FILE record */
	uint32_t is_locked;	  /* the description has locks of its own */
	struct takeover takeover; /* then */
};
_Static_assert(sizeof(struct file_body) <= IMAGE_BODY_BYTES, "body");

static struct file_body body_of(const struct image_description *image)
{
	struct file_body body;

	memcpy(&body, image->body, sizeof(body));
	return body;
}

/*
 * A process that watches a directory with F_NOTIFY becomes its owner for signals. Nothing else gives a directory an
 * owner but F_SETOWN, which would be lost as well.
 */
static bool is_watched(pid_t pid, int number)
{
	int fd = os_pid_descriptor(pid, number);
	bool watched = fd >= 0 && os_open_has_owner(fd);

	os_close(fd);
	return watched;
}

/* Of a description that is open for writing. 0 or a refusal. */
static int write_back_of(pid_t pid, int number, const struct file *file, bool stands,
			 struct refusal *refusal)
{
	int fd = os_pid_descriptor(pid, number);

	if (fd < 0)
		return refusal_set(refusal, EDVSBUSY,
				   "the process has just closed descriptor %d; try again", number);
	int r = write_back(fd, file, stands, refusal);

	os_close(fd);
	return r;
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	const struct files_object object = { seen->entry, seen->status->device,
					     seen->status->inode };
	bool reads = image->flags & OS_OPEN_PATH || (image->flags & OS_OPEN_ACCESS) == OS_OPEN_READ;

	if ((seen->status->mode & OS_MODE_KIND) == OS_MODE_FOLDER &&
	    is_watched(seen->pid, seen->number))
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process watches the directory of descriptor %d for "
				   "changes (F_NOTIFY), and the kernel does not tell for which",
				   seen->number);
	int id = files_add(seen->files, seen->dir, seen->link, &object,
			   reads ? 0 : IMAGE_FILE_WRITTEN, refusal);

	if (id < 0)
		return id;
	const struct file_body body = {
		.position = (int64_t)procdir_number(seen->info, "pos", 10, 0),
		.file = (uint32_t)id,
		.is_locked = locks_are_of_description(seen->info),
	};

	memcpy(image->body, &body, sizeof(body));
	/* When it stands, write() does it. */
	if (!reads && !seen->stands && write_back_is_due(files_find(seen->files, (uint64_t)id))) {
		int r = write_back_of(seen->pid, seen->number,
				      files_find(seen->files, (uint64_t)id), false, refusal);

		return r ? r : 1;
	}
	return 1;
}

/* All descriptors of a description have the same body until here. */
static int check(pid_t pid, const struct descriptions *descriptions,
		 struct description *description, struct refusal *refusal)
{
	struct file_body body = body_of(&description->image);

	(void)descriptions, (void)refusal;
	if (!body.is_locked)
		return 0;
	body.takeover = takeover_of(pid, description->number);
	memcpy(description->image.body, &body, sizeof(body));
	return 0;
}

/* Frozen. */
static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	const struct file *file = files_find(frozen->files, body_of(&description->image).file);
	uint32_t access = description->image.flags & (OS_OPEN_ACCESS | OS_OPEN_PATH);

	assert(file); /* find() has added it */
	if (access == OS_OPEN_READ || access & OS_OPEN_PATH || !write_back_is_due(file))
		return 0;
	return write_back_of(frozen->pid, description->number, file, true, refusal);
}

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	(void)before, (void)complete;
	return files_find(files, body_of(image).file) != NULL;
}

/* The flags that the program opened the file with, but for those that took effect in the moment of opening. */
static uint32_t reopen_flags(uint32_t flags)
{
	if (flags & OS_OPEN_NAMELESS)
		flags &= ~(uint32_t)(OS_OPEN_NAMELESS | OS_OPEN_FOLDER);
	return flags &
	       ~(uint32_t)(OS_OPEN_CREATE | OS_OPEN_EXCLUSIVE | OS_OPEN_TRUNCATE | OS_OPEN_NO_LINK);
}

/* The source's own description is never without its locks. -errno: it is not to be had here, and is opened anew. */
static int take_over(const struct restore *restore, const struct file *file,
		     const struct image_description *image)
{
	const struct file_body body = body_of(image);
	struct os_status status;

	if (!body.is_locked || file->image.use & IMAGE_FILE_MEMORY)
		return -ENOENT;
	int fd = takeover_open(restore, &body.takeover, image->flags);
	int r = fd < 0 ? fd : os_status(fd, &status);

	if (r == 0 && status.device == file->image.device && status.inode == file->image.inode)
		return fd;
	os_close(fd);
	return r < 0 ? r : -ESTALE;
}

/*
 * The description that memfd_create(2) gave does not keep anybody from executing the file. One that was opened for
 * writing later does. Of those that can read and write, the first may be that of memfd_create(2).
 */
static bool is_original(const struct restore *restore, const struct description *description,
			const struct file *file)
{
	const struct descriptions *all = &restore->picture.tables->descriptions;
	uint32_t kind = description->image.kind;

	if (!(file->image.use & IMAGE_FILE_MEMORY) ||
	    file->image.use & (IMAGE_FILE_DELETED | IMAGE_FILE_EXE))
		return false;
	for (uint32_t i = 0; i < all->count; i++) {
		const struct image_description *one = &all->description[i].image;

		if (one->kind == kind && body_of(one).file == file->image.id &&
		    (one->flags & (OS_OPEN_ACCESS | OS_OPEN_PATH)) == OS_OPEN_BOTH)
			return one->id == description->image.id;
	}
	return false;
}

static int open_memory_file(struct restore *restore, const struct description *description,
			    const struct file *file, struct refusal *refusal)
{
	uint32_t flags = reopen_flags(description->image.flags);

	if (!is_original(restore, description, file))
		return restore_open_file(restore, file, flags, refusal);
	return restore_lend_memory_file(restore, file, flags, refusal);
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	const struct file_body body = body_of(&description->image);
	const struct file *file = files_find(&restore->picture.tables->files, body.file);
	uint32_t flags = description->image.flags;
	assert(file); /* read_body() saw to it */
	int fd = take_over(restore, file, &description->image);

	if (fd >= 0) {
		description->is_taken_over = true;
		return fd;
	}
	fd = open_memory_file(restore, description, file, refusal);

	if (fd < 0 || !body.position || flags & OS_OPEN_PATH || file->image.use & IMAGE_FILE_DEVICE)
		return fd;
	int r = os_seek(fd, body.position);

	if (r == 0)
		return fd;
	os_close(fd);
	return refusal_set(refusal, EDVSPROCSTS, "the target cannot set the position in %s: %s",
			   file->path, strerror(-r));
}

/*
 * The position counts. A file that is only appended to has none: each write goes to the end, wherever its
 * writer is.
 */
static enum kind_share share(const struct image_description *image, const struct files *files)
{
	if (image->flags & OS_OPEN_PATH ||
	    (image->flags & (OS_OPEN_APPEND | OS_OPEN_ACCESS)) ==
		    (OS_OPEN_APPEND | OS_OPEN_WRITE) ||
	    files_find(files, body_of(image).file)->image.use & IMAGE_FILE_DEVICE)
		return KIND_SHARE_FREE;
	return KIND_SHARE_DESCRIPTION;
}

static const char *label(const struct image_description *image, const struct files *files)
{
	return files_find(files, body_of(image).file)->path;
}

const struct kind kind_file = {
	.name = "a file",
	.common = "has one position with",
	.remedy = ", or let each open the file itself",
	.find = find,
	.check = check,
	.write = complete,
	.read = read_body,
	.open = open_here,
	.share = share,
	.label = label,
};
