/* SPDX-License-Identifier: Apache-2.0 */
/* The memory files and deleted files: made before anything is mapped, sealed when nothing changes any more. */
#include "migrate/restore.h"

#include <assert.h>
#include <stdlib.h>

#include "dvk/errors.h"
#include "migrate/deleted.h"
#include "migrate/memfd.h"
#include "os/open.h"
#include "os/socket.h"

int restore_memory_files(struct restore *restore, struct refusal *refusal)
{
	const struct files *files = &restore->picture.tables->files;
	uint32_t count = 0;

	assert(!restore->memfd);
	restore->memfd = malloc((files->count + 1) * sizeof(int));
	if (!restore->memfd)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	for (uint32_t i = 0; i < files->count; i++)
		restore->memfd[i] = -1;
	for (uint32_t i = 0; i < files->count; i++) {
		if (!(files->file[i].image.use & (IMAGE_FILE_MEMORY | IMAGE_FILE_DELETED)))
			continue;
		if (count++ == IMAGE_MEMFDS_MAX)
			return refusal_set(refusal, EDVSIO,
					   "the image is damaged: too many memory files");
		restore->memfd[i] =
			files->file[i].image.use & IMAGE_FILE_DELETED
				? deleted_make(&files->file[i], restore->root,
					       &restore->picture.process.opener, refusal)
				: memfd_make(&files->file[i], refusal);
		if (restore->memfd[i] < 0)
			return refusal->error;
	}
	return 0;
}

static bool is_program(const struct restore *restore, uint32_t index)
{
	return restore->memfd[index] >= 0 &&
	       restore->picture.tables->files.file[index].image.use & IMAGE_FILE_EXE;
}

static int seal(struct restore *restore, uint32_t index, struct refusal *refusal)
{
	const struct file *file = &restore->picture.tables->files.file[index];

	return file->image.use & IMAGE_FILE_DELETED
		       ? deleted_settle(file, restore->memfd[index], refusal)
		       : memfd_seal(file, restore->memfd[index], refusal);
}

bool restore_has_memory_programs(const struct restore *restore)
{
	for (uint32_t i = 0; restore->memfd && i < restore->picture.tables->files.count; i++)
		if (is_program(restore, i))
			return true;
	return false;
}

int restore_seal_memory_programs(struct restore *restore, struct refusal *refusal)
{
	const struct files *files = &restore->picture.tables->files;
	int r = 0;

	assert(restore->memfd && !restore->lent);
	for (uint32_t i = 0; i < files->count && r == 0; i++) {
		if (!is_program(restore, i))
			continue;
		r = seal(restore, i, refusal);
		int fd =
			r ? r
			  : memfd_reopen(&files->file[i], restore->memfd[i], OS_OPEN_READ, refusal);

		if (fd < 0)
			return fd;
		os_close(restore->memfd[i]);
		restore->memfd[i] = fd;
	}
	return r;
}

int restore_seal_memory_files(struct restore *restore, struct refusal *refusal)
{
	int r = 0;

	assert(restore->memfd);
	for (uint32_t i = 0; i < restore->picture.tables->files.count && r == 0; i++)
		if (restore->memfd[i] >= 0 && !is_program(restore, i))
			r = seal(restore, i, refusal);
	return r;
}

void restore_deinit(struct restore *restore)
{
	for (uint32_t i = 0;
	     restore->memfd && !restore->lent && i < restore->picture.tables->files.count; i++)
		os_close(restore->memfd[i]);
	if (!restore->lent)
		free(restore->memfd);
	restore->memfd = NULL;
	objects_free(&restore->objects);
}
