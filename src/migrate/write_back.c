/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/write_back.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/file.h"
#include "os/open.h"
#include "os/socket.h"

#define RUNS_MS	  60000
#define STANDS_MS 1000

int write_back(int fd, const struct file *file, bool stands, struct refusal *refusal)
{
	assert(fd >= 0);
	assert(write_back_is_due(file));
	int r = os_file_sync_within(fd, stands ? STANDS_MS : RUNS_MS);

	if (r == 0)
		return 0;
	if (r == -ETIMEDOUT)
		return refusal_set(refusal, EDVSTIMEDOUT,
				   "the server of %s has not taken what the process has written "
				   "there within %d s; see whether it answers, and try again",
				   file->path, (stands ? STANDS_MS : RUNS_MS) / 1000);
	return refusal_set(refusal, EDVSIO,
			   "what the process has written to %s cannot be brought to the server of "
			   "that file system, where the target would find it: %s",
			   file->path, strerror(-r));
}

static int write_back_by_path(const struct files *files, const struct file *file, int dir,
			      bool stands, struct refusal *refusal)
{
	int fd = files_open(files, dir, file->path, OS_OPEN_READ | OS_OPEN_NONBLOCK);

	if (fd < 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "%s, which the process has mapped for writing, cannot be opened "
				   "here, to be brought to the server of its file system: %s",
				   file->path, strerror(-fd));
	int r = write_back(fd, file, stands, refusal);

	os_close(fd);
	return r;
}

int write_back_mapped(const struct files *files, int dir, bool stands, struct refusal *refusal)
{
	int r = 0;

	for (uint32_t i = 0; i < files->count && r == 0; i++) {
		const struct file *file = &files->file[i];

		if (file->image.use & IMAGE_FILE_MAPPED && write_back_is_due(file))
			r = write_back_by_path(files, file, dir, stands, refusal);
	}
	return r;
}
