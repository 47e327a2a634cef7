/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_WRITE_BACK_H
#define DVS_MIGRATE_WRITE_BACK_H

#include "migrate/files.h"

/*
 * A file of a network file system that the process writes. Its new pages stand in the memory of this machine for some
 * time, where the target cannot see them, and would come over those that the process writes there. So the file is
 * written back to the server twice: before the process is stopped, which may take long, and while it stands, for the
 * rest, which its server has to take within a second.
 */

/* Whether there is anything to be done for it. */
static inline bool write_back_is_due(const struct file *file)
{
	return file->is_shared && file->image.use & IMAGE_FILE_WRITTEN;
}

/* The file is due, and open as fd. Waits for its server, a minute at most while the process runs. 0 or a refusal. */
int write_back(int fd, const struct file *file, bool stands, struct refusal *refusal);

/* All of the files that are due and mapped, found in the process with /proc directory `dir`. 0 or a refusal. */
int write_back_mapped(const struct files *files, int dir, bool stands, struct refusal *refusal);

#endif
