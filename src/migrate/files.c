/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files a process needs; reopen.c finds out whether the target has the same ones.
 *
 * A mapped file must have the same contents, because half of its pages are not sent: the build id
 * says so for programs and libraries, size and modification time for everything else. A file that
 * is open for writing must be the same file: on one machine the same inode, between two machines a
 * file of a network file system.
 */
#include "migrate/files.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "dvk/errors.h"
#include "migrate/deleted.h"
#include "migrate/linked.h"
#include "migrate/memfd.h"
#include "os/build_id.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/procdir.h"
#include "os/socket.h"

#define MAJOR_MEMORY  1
#define FIRST_BUCKETS 64

static void file_free(struct file *file)
{
	free(file->path);
}

void files_clear(struct files *files)
{
	for (uint32_t i = 0; i < files->count; i++)
		file_free(&files->file[i]);
	files->count = files->memory_count = 0;
	files->changed_root = false;
	if (files->bucket)
		memset(files->bucket, 0, files->bucket_count * sizeof(*files->bucket));
}

void files_free(struct files *files)
{
	files_clear(files);
	free(files->file);
	free(files->bucket);
	if (files->root > 0) {
		os_close(files->root);
		os_close(files->init);
	}
	*files = (struct files){ 0 };
}

static struct file *append(struct files *files, const char *path, size_t length)
{
	if (files->count == files->capacity) {
		uint32_t capacity = files->capacity ? files->capacity * 2 : 32;
		struct file *bigger = realloc(files->file, capacity * sizeof(*bigger));

		if (!bigger)
			return NULL;
		files->file = bigger;
		files->capacity = capacity;
	}
	assert(files->count < files->capacity);
	struct file *file = &files->file[files->count];

	*file = (struct file){ .path = strndup(path, length) };
	if (!file->path)
		return NULL;
	file->image.path_length = (uint32_t)length;
	files->count++;
	return file;
}

int files_set_container(struct files *files, int init)
{
	assert(init >= 0);
	if (files->root > 0)
		return 0;
	assert(files->init <= 0);
	int root = os_open_at(init, "root", OS_OPEN_PATH | OS_OPEN_FOLDER);
	int own = root < 0 ? root : os_dup(init);

	if (own < 0) {
		os_close(root);
		return own;
	}
	files->root = root;
	files->init = own;
	return 0;
}

int files_open(const struct files *files, int dir, const char *path, uint32_t flags)
{
	if (files->root > 0)
		return os_open_below(files->root, path, flags);
	int root = os_open_at(dir, "root", OS_OPEN_PATH | OS_OPEN_FOLDER);

	if (root < 0)
		return root;
	int r = os_open_below(root, path, flags);

	os_close(root);
	return r;
}

int files_describe(int fd, struct image_file *image, unsigned long *type)
{
	assert(fd >= 0);
	struct os_status status;
	int r = os_status(fd, &status);

	if (r == 0)
		r = os_file_system(fd, type);
	if (r < 0)
		return r;
	image->device = status.device;
	image->inode = status.inode;
	image->size = status.size;
	image->mtime_s = status.mtime_s;
	image->mtime_ns = status.mtime_ns;
	image->mode = status.mode;
	image->rdev = status.rdev;
	return 0;
}

static int describe(const struct files *files, int dir, const char *path, struct image_file *image,
		    unsigned long *type)
{
	int fd = files_open(files, dir, path, OS_OPEN_PATH);

	if (fd < 0)
		return fd;
	int r = files_describe(fd, image, type);

	os_close(fd);
	return r;
}

bool files_are_in_place(const struct files *files, int dir)
{
	for (uint32_t i = 0; i < files->count; i++) {
		const struct file *file = &files->file[i];
		struct image_file now = { 0 };
		unsigned long type;

		if (file->link[0])
			continue;
		if (describe(files, dir, file->path, &now, &type) < 0 ||
		    now.device != file->image.device || now.inode != file->image.inode)
			return false;
	}
	return true;
}

void files_build_id(int fd, struct image_file *image)
{
	assert(fd >= 0);
	if ((image->mode & OS_MODE_KIND) == OS_MODE_FILE)
		image->build_id_length = os_build_id(fd, image->build_id);
}

/* Devices without a state of their own. */
static bool is_plain_device(uint64_t rdev)
{
	if (os_device_major(rdev) != MAJOR_MEMORY)
		return false;
	switch (os_device_minor(rdev)) {
	case 3: /* null */
	case 5: /* zero */
	case 7: /* full */
	case 8: /* random */
	case 9: /* urandom */
		return true;
	}
	return false;
}

static const char *device_name(uint64_t rdev)
{
	switch (os_device_major(rdev)) {
	case 4:
	case 5:
	case 136 ... 143:
		return "a terminal";
	}
	return "a device";
}

/* File systems whose files are windows into the kernel of one machine. */
static const char *kernel_file_system(unsigned long type)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} known[] = {
		{ 0x9fa0, "proc" },	  { 0x62656572, "sysfs" },     { 0x63677270, "cgroup2" },
		{ 0x27e0eb, "cgroup" },	  { 0x74726163, "tracefs" },   { 0x64626720, "debugfs" },
		{ 0x19800202, "mqueue" }, { 0xcafe4a11, "bpf" },       { 0x73636673, "securityfs" },
		{ 0x6e736673, "nsfs" },	  { 0x958458f6, "hugetlbfs" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (type == known[i].magic)
			return known[i].name;
	}
	return NULL;
}

static int check_system(const char *path, unsigned long type, struct refusal *refusal)
{
	const char *special = kernel_file_system(type);

	if (!special)
		return 0;
	if (strcmp(special, "mqueue") == 0)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process has %s of the mqueue file system open by its path: a POSIX "
			"message queue is carried that was opened with mq_open()",
			path);
	return refusal_set(
		refusal, EDVSPROCSTS,
		"the process has %s open, a file of the %s file system, which belongs to "
		"this node's kernel",
		path, special);
}

static int check_kind(const char *path, unsigned long type, struct image_file *image,
		      struct refusal *refusal)
{
	switch (image->mode & OS_MODE_KIND) {
	case OS_MODE_FILE:
		break;
	case OS_MODE_FOLDER:
		image->use |= IMAGE_FILE_DIRECTORY;
		break;
	case OS_MODE_DEVICE:
		image->use |= IMAGE_FILE_DEVICE;
		if (is_plain_device(image->rdev))
			return 0;
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process uses %s, %s, which cannot move to another node",
				   device_name(image->rdev), path);
	case OS_MODE_PIPE:
		return 0; /* which a description has, and knows how to carry */
	default:
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has %s open, a kind of file that cannot move",
				   path);
	}
	return check_system(path, type, refusal);
}

/* No file of that path is the object. The object itself tells the reason. */
static int refuse_missing(int dir, const char *path, const struct files_object *object,
			  struct refusal *refusal)
{
	struct os_status status;
	unsigned long type = 0;
	int fd = os_open_at(dir, object->link, OS_OPEN_PATH);
	bool seen = fd >= 0 && os_status(fd, &status) == 0 && os_file_system(fd, &type) == 0;
	int r = 0;

	os_close(fd);
	if (seen)
		r = check_system(path, type, refusal);
	if (r)
		return r;
	if (seen && status.links == 0)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the process uses %s, which was deleted: only files that exist can "
			"be opened on the target",
			path);
	return refusal_set(
		refusal, EDVSPROCSTS,
		"the process uses the file that it knows as %s, which has other names only, "
		"none of them in that folder: a file is opened on the target by such a name",
		path);
}

static uint32_t *bucket_of(const struct files *files, uint64_t inode)
{
	uint64_t hash = hash_bytes(HASH_SEED, &inode, sizeof(inode));

	assert(files->bucket_count);
	return &files->bucket[hash % files->bucket_count];
}

/* Keeps the chains of the table short. */
static int grow_table(struct files *files)
{
	uint32_t count = files->bucket_count ? files->bucket_count * 4 : FIRST_BUCKETS;

	if (files->count < files->bucket_count)
		return 0;
	uint32_t *bucket = calloc(count, sizeof(*bucket));

	if (!bucket)
		return -ENOMEM;
	free(files->bucket);
	files->bucket = bucket;
	files->bucket_count = count;
	for (uint32_t i = 0; i < files->count; i++) {
		struct file *file = &files->file[i];
		uint32_t *newest = bucket_of(files, file->image.inode);

		file->older = *newest;
		*newest = i + 1;
	}
	return 0;
}

static int add_new(struct files *files, const char *path, const struct image_file *image,
		   struct refusal *refusal)
{
	if (files->count == IMAGE_FILES_MAX)
		return refusal_set(refusal, EDVS2BIG, "the process uses more than %u files",
				   IMAGE_FILES_MAX);
	struct file *file = append(files, path, strlen(path));

	if (!file)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	uint32_t length = file->image.path_length;
	uint32_t *newest = bucket_of(files, image->inode);

	file->image = *image;
	file->image.path_length = length;
	file->image.id = files->count;
	file->older = *newest;
	assert(file->image.id > file->older); /* the chain leads to older ones, so it ends */
	*newest = files->count;
	return (int)file->image.id;
}

/* A memory file or a deleted one, as the record says. */
static int add_memory(struct files *files, int dir, const char *path,
		      const struct files_object *object, const struct image_file *image,
		      struct refusal *refusal)
{
	assert(files->memory_count <= files->count);
	assert(image->use & (IMAGE_FILE_MEMORY | IMAGE_FILE_DELETED));
	int r = 0;

	if (files->memory_count == IMAGE_MEMFDS_MAX)
		r = refusal_set(refusal, EDVSPROCSTS,
				"the process uses more than %u memory files (memfd) and deleted "
				"files, which is the most that can move",
				IMAGE_MEMFDS_MAX);
	if (r == 0 && image->inode != object->inode)
		r = refusal_set(refusal, EDVSBUSY,
				"the process has just exchanged a memory file; try again");
	if (r == 0)
		r = add_new(files, path, image, refusal);
	files->memory_count += r >= 0;
	if (r >= 0) {
		files->file[files->count - 1].dir = dir;
		snprintf(files->file[files->count - 1].link, sizeof(files->file[0].link), "%s",
			 object->link);
	}
	return r;
}

uint32_t files_id_of(const struct files *files, const char *path, uint64_t inode)
{
	uint32_t at = files->bucket_count ? *bucket_of(files, inode) : 0;

	while (at && (files->file[at - 1].image.inode != inode ||
		      strcmp(files->file[at - 1].path, path) != 0))
		at = files->file[at - 1].older;
	return at;
}

/* The file fd is open (O_PATH), and is known by this path. Its id, 0: it is not the object, or a refusal. */
static int add_open(struct files *files, int fd, const char *path,
		    const struct files_object *object, uint32_t use, struct refusal *refusal)
{
	struct image_file image = { .use = use };
	unsigned long type = 0;

	if (files_describe(fd, &image, &type) < 0 || image.inode != object->inode ||
	    (object->device && image.device != object->device))
		return 0;
	int r = check_kind(path, type, &image, refusal);

	if (r)
		return r;
	if (use & (IMAGE_FILE_MAPPED | IMAGE_FILE_EXE))
		files_build_id(fd, &image);
	r = add_new(files, path, &image, refusal);
	if (r >= 0)
		files->file[files->count - 1].is_shared = files_is_network(type);
	return r;
}

/* Its id, 0: no file of that path is the object, or a refusal. */
static int add_named(struct files *files, int dir, const char *path,
		     const struct files_object *object, uint32_t use, struct refusal *refusal)
{
	int fd = path[0] == '/' ? files_open(files, dir, path, OS_OPEN_PATH) : -ENOENT;

	/* A path through /proc may lead to another process, which has ended. */
	if (fd == -ESRCH && procdir_ended(dir))
		return refusal_set(refusal, EDVSSRCH, "the process has ended");
	if (fd < 0)
		return 0;
	int r = add_open(files, fd, path, object, use, refusal);

	os_close(fd);
	return r;
}

/* A file that was made under one name and linked to another, as sem_open(3) does it, has that in the same folder. */
static int add_linked(struct files *files, int dir, const char *path,
		      const struct files_object *object, uint32_t use, struct refusal *refusal)
{
	char other[IMAGE_PATH_MAX];

	if (!linked_name(files, dir, path, object, other))
		return 0;
	uint32_t known = files_id_of(files, other, object->inode);

	if (!known)
		return add_named(files, dir, other, object, use, refusal);
	files->file[known - 1].image.use |= use;
	return (int)known;
}

/* One that was deleted under several names is one file still. Its id; 0: it is not known yet. */
static int deleted_id(struct files *files, const struct image_file *image)
{
	uint32_t at = files->bucket_count ? *bucket_of(files, image->inode) : 0;

	assert(image->use & IMAGE_FILE_DELETED);
	for (; at; at = files->file[at - 1].older) {
		struct image_file *known = &files->file[at - 1].image;

		if (known->use & IMAGE_FILE_DELETED && known->inode == image->inode &&
		    known->device == image->device) {
			known->use |= image->use;
			return (int)known->id;
		}
	}
	return 0;
}

/* No file of that path is the object: it was deleted, or is one that cannot be carried. */
static int add_missing(struct files *files, int dir, const char *path,
		       const struct files_object *object, uint32_t use, struct refusal *refusal)
{
	struct image_file image = { .use = use };
	unsigned long type = 0;
	int fd = os_open_at(dir, object->link, OS_OPEN_PATH), r = 0;

	if (path[0] == '/' && fd >= 0 && os_file_system(fd, &type) == 0 &&
	    !kernel_file_system(type))
		r = deleted_describe(dir, path, object->link, &image, refusal);
	os_close(fd);
	if (r < 0)
		return r;
	if (r == 0) {
		r = add_linked(files, dir, path, object, use, refusal);
		return r ? r : refuse_missing(dir, path, object, refusal);
	}
	if (image.inode != object->inode || (object->device && image.device != object->device))
		return refuse_missing(dir, path, object, refusal);
	r = deleted_id(files, &image);
	return r ? r : add_memory(files, dir, path, object, &image, refusal);
}

int files_add(struct files *files, int dir, const char *path, const struct files_object *object,
	      uint32_t use, struct refusal *refusal)
{
	struct image_file image = { .use = use };

	if (grow_table(files) < 0)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	assert(files->count < files->bucket_count);
	uint32_t known = files_id_of(files, path, object->inode);

	if (known) {
		files->file[known - 1].image.use |= use;
		return (int)known;
	}
	if (memfd_is_link(path) && !(use & IMAGE_FILE_DIRECTORY)) {
		int r = memfd_describe(dir, object->link, &image, refusal);

		return r ? r : add_memory(files, dir, path, object, &image, refusal);
	}
	int r = add_named(files, dir, path, object, use, refusal);

	return r ? r : add_missing(files, dir, path, object, use, refusal);
}

int files_add_record(struct files *files, const struct image_file *image)
{
	assert(image->id);	      /* image_file_ok() saw to it */
	assert(!files->bucket_count); /* a table is the source's or the target's */
	if (files->count && image->id <= files->file[files->count - 1].image.id)
		return -EBADMSG;
	struct file *file = append(files, (const char *)(image + 1), image->path_length);

	if (!file)
		return -ENOMEM;
	file->image = *image;
	return 0;
}

struct file *files_find(const struct files *files, uint64_t id)
{
	uint32_t low = 0, high = files->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (files->file[middle].image.id == id)
			return &files->file[middle];
		if (files->file[middle].image.id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool files_is_network(unsigned long type)
{
	static const unsigned long known[] = { 0x6969,	   0xff534d42, 0xfe534d42, 0x65735546,
					       0x00c36400, 0x01161970, 0x7461636f, 0x0bd00bd0 };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (type == known[i])
			return true;
	}
	return false;
}
