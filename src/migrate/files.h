/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_FILES_H
#define DVS_MIGRATE_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/refusal.h"
#include "os/inode.h"
#include "wire/image.h"

/*
 * The files a process has mapped or open, each once, by path. The source fills the table from the
 * process; the target compares it with its own file system.
 */
struct file {
	struct image_file image;
	char *path;	/* owned, absolute, in the container */
	uint32_t older; /* 1 + index of the next file of the bucket */
	bool is_shared; /* source: on a network file system, so that other machines have it as well */
	char link[48]; /* source, of a memory file: leads to it from the process directory */
	int dir;       /* source, of a memory file: that directory, not owned */
};

struct files {
	struct file *file; /* owned */
	uint32_t count, capacity;
	uint32_t memory_count; /* of the source's: so many are memory files */
	uint32_t *bucket; /* owned: of the source's table, 1 + index of the newest of its files */
	uint32_t bucket_count;
	int init; /* source: /proc of the container's init, owned; 0: that of each process stands for it */
	int root; /* its root directory, to which paths are relative; owned; 0: that of each process */
	bool changed_root; /* a process has another one */
};

/* A file that a process has open. Its name may lead elsewhere by now. */
struct files_object {
	const char *link; /* "fd/7": leads to it from the process directory */
	uint64_t device;  /* 0: not known */
	uint64_t inode;
};

void files_free(struct files *files);
void files_clear(struct files *files);

/* Source: the /proc directory of a process that sees the whole container, as this one does as a rule. */
static inline int files_seer(const struct files *files, int dir)
{
	return files->init > 0 ? files->init : dir;
}

/*
 * Source: the file at path in the container of the process with /proc directory `dir` must be the object.
 * Returns its id, or refuses: deleted, replaced, of a kind that cannot be carried. use is added to
 * the uses that are known.
 */
int files_add(struct files *files, int dir, const char *path, const struct files_object *object,
	      uint32_t use, struct refusal *refusal);

/* Source: the id of the file that was added by this path, or 0. */
uint32_t files_id_of(const struct files *files, const char *path, uint64_t inode);

/* Source: whether each of them that is no memory file still has its name. */
bool files_are_in_place(const struct files *files, int dir);

/* Target: a record that was read. 0, -ENOMEM, or -EBADMSG: its id is not above all others. */
int files_add_record(struct files *files, const struct image_file *image);

/* The file with this id, or NULL. */
struct file *files_find(const struct files *files, uint64_t id);

/* Source: paths are those that the container's init sees, with this /proc directory. 0 or -errno. */
int files_set_container(struct files *files, int init);

/*
 * Source: the file at path in the container of the process with /proc directory `dir`, be the root directory of that
 * one changed or not. The caller's, or -errno.
 */
int files_open(const struct files *files, int dir, const char *path, uint32_t flags);

/* Whether the contents are all that there is to the file for a process that has it. */
static inline bool files_can_be_carried(const struct file *file)
{
	return (file->image.mode & OS_MODE_KIND) == OS_MODE_FILE &&
	       !(file->image.use & (IMAGE_FILE_WRITTEN | IMAGE_FILE_MEMORY));
}

/* The properties of the open object (O_PATH will do), and the magic number of its file system. 0 or -errno. */
int files_describe(int fd, struct image_file *image, unsigned long *type);

/* The build id of the open object (O_PATH will do), if it has one. */
void files_build_id(int fd, struct image_file *image);

/* Whether a file system with this magic number is one that several machines share. */
bool files_is_network(unsigned long type);

#endif
