/* SPDX-License-Identifier: Apache-2.0 */
/* The memory files and deleted files: made before anything is mapped, sealed when nothing changes any more. */
#include "migrate/restore.h"

#include <assert.h>
#include <stdlib.h>

#include "dvk/errors.h"
#include "migrate/deleted.h"
#include "migrate/memfd.h"
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
		if (!(files->file[i].image.use & IMAGE_FILE_MEMORY))
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

int restore_seal_memory_files(struct restore *restore, struct refusal *refusal)
{
	const struct files *files = &restore->picture.tables->files;
	int r = 0;

	assert(restore->memfd);
	for (uint32_t i = 0; i < files->count && r == 0; i++) {
		const struct file *file = &files->file[i];

		if (restore->memfd[i] >= 0)
			r = file->image.use & IMAGE_FILE_DELETED
				    ? deleted_settle(file, restore->memfd[i], refusal)
				    : memfd_seal(file, restore->memfd[i], refusal);
	}
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
