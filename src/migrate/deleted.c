/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/deleted.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/rights.h"
#include "os/socket.h"

static int describe(int fd, const char *path, struct image_file *image, struct refusal *refusal)
{
	struct os_status status;
	unsigned long type;
	int r = os_status(fd, &status);

	if (r == 0)
		r = files_describe(fd, image, &type);
	if (r < 0)
		return refusal_set(refusal, EDVSIO, "%s, which was deleted, cannot be read: %s",
				   path, strerror(-r));
	if (image->size > IMAGE_ADDRESS_END)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses %s, which was deleted and is larger than any "
				   "address space: that cannot be carried",
				   path);
	if (os_inode_has_attributes(fd))
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses %s, which was deleted and has extended "
				   "attributes: these are not carried",
				   path);
	image->uid = status.uid;
	image->gid = status.gid;
	image->use |= IMAGE_FILE_DELETED;
	image->use |= (status.mode & OS_MODE_KIND) == OS_MODE_FOLDER ? IMAGE_FILE_DIRECTORY
								     : IMAGE_FILE_MEMORY;
	return 1;
}

int deleted_describe(int dir, const char *path, const char *link, struct image_file *image,
		     struct refusal *refusal)
{
	struct os_status status = { 0 };

	assert(!(image->use & IMAGE_FILE_MEMORY));
	if (os_status_at(dir, link, &status) < 0 || status.links)
		return 0;
	uint32_t kind = status.mode & OS_MODE_KIND;
	bool has_contents = kind == OS_MODE_FILE || kind == OS_MODE_PIPE;

	if (kind != OS_MODE_FOLDER && (!has_contents || image->use & IMAGE_FILE_DIRECTORY))
		return 0;
	/* An end of a FIFO that is opened is noticed by those who have the others. */
	int fd = os_open_at(dir, link, kind == OS_MODE_PIPE ? OS_OPEN_PATH : OS_OPEN_READ);

	if (fd < 0)
		return refusal_set(refusal, EDVSIO, "%s, which was deleted, cannot be read: %s",
				   path, strerror(-fd));
	int r = describe(fd, path, image, refusal);

	os_close(fd);
	return r;
}

/* The folder that it had its name in. False: it is none. */
static bool folder_of(const struct file *file, char folder[IMAGE_PATH_MAX])
{
	const char *end = strrchr(file->path, '/');
	size_t length = end ? (size_t)(end - file->path) : 0;

	if (file->path[0] != '/' || length >= IMAGE_PATH_MAX)
		return false;
	memcpy(folder, file->path, length);
	folder[length] = 0;
	if (!length)
		memcpy(folder, "/", 2);
	return true;
}

static int refuse(const struct file *file, int r, struct refusal *refusal)
{
	if (r == -ENOENT || r == -ENOTDIR)
		return refusal_set(refusal, EDVSNOENT,
				   "the process uses %.120s: the target has no such folder",
				   file->path);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make a nameless file for %.120s, which the process "
			   "uses: %s",
			   file->path, strerror(-r));
}

/* Opens the folder that the name was in; for a folder, which may be deleted with others, the nearest one above. */
static int open_place(const struct file *file, int root)
{
	char path[IMAGE_PATH_MAX];
	int fd = folder_of(file, path) ? -ENOENT : -EINVAL;

	do {
		if (fd == -ENOENT)
			fd = os_open_below(root, *path ? path : "/", OS_OPEN_PATH | OS_OPEN_FOLDER);
		char *end = strrchr(path, '/');

		if (fd != -ENOENT || !end || !(file->image.use & IMAGE_FILE_DIRECTORY))
			break;
		*end = 0;
	} while (true);
	return fd;
}

int deleted_check(const struct file *file, int root, struct refusal *refusal)
{
	int fd = open_place(file, root);

	if (fd < 0)
		return refuse(file, fd, refusal);
	os_close(fd);
	return 0;
}

static bool is_fifo(const struct file *file)
{
	return (file->image.mode & OS_MODE_KIND) == OS_MODE_PIPE;
}

static int settle(const struct file *file, int fd)
{
	const struct image_file *image = &file->image;
	int r = os_inode_own(fd, image->uid, image->gid, image->mode & OS_MODE_RIGHTS);

	return r ? r : os_inode_set_mtime(fd, image->mtime_s, image->mtime_ns);
}

/* Under its old name if that is free, so that the link to it reads as it did. */
static int make_folder(const struct file *file, int root, struct refusal *refusal)
{
	static const char suffix[] = " (deleted)";
	const char *name = strrchr(file->path, '/');
	size_t length = name ? strlen(++name) : 0, tail = strlen(suffix);
	char own[IMAGE_PATH_MAX];
	int place = open_place(file, root);

	if (length > tail && strcmp(name + length - tail, suffix) == 0)
		length -= tail;
	snprintf(own, sizeof(own), "%.*s", (int)length, name ? name : "");
	int fd = place < 0 ? place : os_inode_nameless_folder(place, own);

	os_close(place);
	return fd < 0 ? refuse(file, fd, refusal) : fd;
}

static int make_nameless(const struct file *file, int root, const char *folder)
{
	if (!is_fifo(file))
		return os_open_below(root, folder,
				     OS_OPEN_NAMELESS | OS_OPEN_FOLDER | OS_OPEN_BOTH);
	int place = os_open_below(root, folder, OS_OPEN_PATH | OS_OPEN_FOLDER);
	int fd = place < 0 ? place : os_inode_nameless_fifo(place);

	os_close(place);
	return fd;
}

/* Nobody has an end of the FIFO yet, and would notice that one is opened. Nothing waits in opening both. */
static int settle_fifo(const struct file *file, int name)
{
	int fd = os_open_again(name, OS_OPEN_BOTH | OS_OPEN_NONBLOCK);
	int r = fd < 0 ? fd : settle(file, fd);

	os_close(fd);
	return r;
}

/*
 * It can be given a name, which one that was deleted cannot: of one that never had a name the kernel does not tell
 * whether it may have one.
 */
int deleted_make(const struct file *file, int root, const struct image_opener *opener,
		 struct refusal *refusal)
{
	const struct os_rights_wanted wanted = { opener->uid, opener->gid, opener->effective,
						 opener->group, opener->group_count };
	struct os_rights *rights;
	char folder[IMAGE_PATH_MAX];

	assert(file->image.use & IMAGE_FILE_DELETED);
	if (file->image.use & IMAGE_FILE_DIRECTORY)
		return make_folder(file, root, refusal);
	if (!folder_of(file, folder) || file->image.size > IMAGE_ADDRESS_END)
		return refuse(file, -EINVAL, refusal);
	if (os_rights_assume(&rights, &wanted) < 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the target cannot act with the rights of the process");
	int fd = make_nameless(file, root, folder), r = fd;

	os_rights_give_back(rights);
	if (fd >= 0)
		r = is_fifo(file) ? settle_fifo(file, fd) : os_inode_resize(fd, file->image.size);
	if (r == 0)
		return fd;
	os_close(fd);
	return refuse(file, r, refusal);
}

int deleted_settle(const struct file *file, int fd, struct refusal *refusal)
{
	int r;

	assert(fd >= 0);
	r = is_fifo(file) ? 0 : settle(file, fd);
	return r < 0 ? refuse(file, r, refusal) : 0;
}
