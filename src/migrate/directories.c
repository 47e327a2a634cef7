/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/directories.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/ended.h"
#include "os/inode.h"
#include "os/kcmp.h"

/* A link of the process directory, of IMAGE_PATH_MAX bytes, and what it leads to. */
static int read_link(struct inventory *inventory, const char *name, const char *what, char *path,
		     struct os_status *status, struct refusal *refusal)
{
	ssize_t length = procdir_link(inventory->dir, name, path, IMAGE_PATH_MAX);

	if (length == -ENAMETOOLONG || length >= (ssize_t)IMAGE_PATH_MAX - 1)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the path of the process's %s is longer than %d bytes, so that it "
			"cannot be opened on the target",
			what, (int)IMAGE_PATH_MAX - 2);
	if (length < 0)
		return ended_refuse(inventory->dir, (int)length, what, refusal);
	int r = os_status_at(inventory->dir, name, status);

	return r < 0 ? ended_refuse(inventory->dir, r, what, refusal) : 0;
}

/* The paths of all files are those in the container, as the kernel shows them to us. */
static int read_root(struct inventory *inventory, struct refusal *refusal)
{
	struct files *files = &inventory->tables->files;
	struct files_object object = { "root", 0, 0 };
	char path[IMAGE_PATH_MAX];
	struct os_status status;
	ssize_t length = procdir_link(inventory->dir, "root", path, sizeof(path));

	assert(inventory->dir >= 0);
	inventory->process.root_file = 0;
	if (length == 1 && path[0] == '/')
		return 0;
	int r = read_link(inventory, "root", "root directory", path, &status, refusal);

	if (r)
		return r;
	files->changed_root = true;
	object.device = status.device;
	object.inode = status.inode;
	int id = files_add(files, inventory->dir, path, &object, IMAGE_FILE_DIRECTORY, refusal);

	if (id < 0)
		return id;
	inventory->process.root_file = (uint32_t)id;
	if (!(files_find(files, (uint32_t)id)->image.use & IMAGE_FILE_DELETED))
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the root directory of the process (chroot), %.200s, was deleted", path);
}

/* One directory of a thread that has its own: its link and its name. Its id; 0: the thread has ended; or a refusal. */
static int add_of_thread(struct inventory *inventory, pid_t tid, const char *which,
			 const char *what, struct refusal *refusal)
{
	struct files *files = &inventory->tables->files;
	char name[40], path[IMAGE_PATH_MAX];
	struct os_status status;

	snprintf(name, sizeof(name), "task/%d/%s", (int)tid, which);
	if (procdir_link(inventory->dir, name, path, sizeof(path)) == -ENOENT)
		return 0;
	int r = read_link(inventory, name, what, path, &status, refusal);

	if (r)
		return r;
	const struct files_object object = { name, status.device, status.inode };

	return files_add(files, inventory->dir, path, &object, IMAGE_FILE_DIRECTORY, refusal);
}

static bool is_deleted(const struct inventory *inventory, uint32_t id)
{
	const struct file *file = files_find(&inventory->tables->files, id);

	assert(file);
	return file->image.use & IMAGE_FILE_DELETED;
}

static int read_of_threads(struct inventory *inventory, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 1; i < inventory->thread_count && r >= 0; i++) {
		struct inventory_thread *thread = &inventory->thread[i];
		char name[40], path[IMAGE_PATH_MAX];

		if (!thread->place || thread->place != thread->tid)
			continue;
		r = add_of_thread(inventory, thread->tid, "cwd", "working directory", refusal);
		thread->cwd_file = r > 0 ? (uint32_t)r : 0;
		snprintf(name, sizeof(name), "task/%d/root", (int)thread->tid);
		if (r <= 0 ||
		    (procdir_link(inventory->dir, name, path, sizeof(path)) == 1 && path[0] == '/'))
			continue;
		inventory->tables->files.changed_root = true;
		r = add_of_thread(inventory, thread->tid, "root", "root directory", refusal);
		thread->root_file = r > 0 ? (uint32_t)r : 0;
		if (r > 0 && is_deleted(inventory, thread->root_file))
			return refusal_set(
				refusal, EDVSPROCSTS,
				"the root directory of thread %d (chroot), %.200s, was "
				"deleted",
				(int)thread->tid,
				files_find(&inventory->tables->files, thread->root_file)->path);
	}
	return r < 0 ? r : 0;
}

int directories_read(struct inventory *inventory, struct refusal *refusal)
{
	char path[IMAGE_PATH_MAX];
	struct os_status status;

	int r = read_link(inventory, "exe", "program file", path, &status, refusal);

	if (r)
		return r;
	struct files_object object = { "exe", status.device, status.inode };
	int id = files_add(&inventory->tables->files, inventory->dir, path, &object, IMAGE_FILE_EXE,
			   refusal);

	if (id < 0)
		return id;
	assert(id > 0); /* 0 is no id */
	inventory->process.exe_file = (uint32_t)id;
	r = read_link(inventory, "cwd", "working directory", inventory->cwd, &status, refusal);
	if (r)
		return r;
	object = (struct files_object){ "cwd", status.device, status.inode };
	id = files_add(&inventory->tables->files, inventory->dir, inventory->cwd, &object,
		       IMAGE_FILE_DIRECTORY, refusal);
	if (id < 0)
		return id;
	assert(id > 0);
	inventory->process.cwd_file = (uint32_t)id;
	r = read_root(inventory, refusal);
	return r ? r : read_of_threads(inventory, refusal);
}
