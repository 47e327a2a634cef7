/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_DELETED_H
#define DVS_MIGRATE_DELETED_H

#include "base/refusal.h"
#include "migrate/files.h"

/*
 * Files that were deleted while the process had them open or mapped. Such a file travels as a memory file does
 * (memfd.h): the target makes a nameless one where the old one had its name, with its size, mode and owner, and the
 * contents are those of a memory. Its inode number is another one afterwards.
 *
 * A FIFO has no contents of its own, and is as it was when it is made: its ends say the rest (kind_fifo.c).
 *
 * A folder that was deleted is empty. The target makes one below the folder that its name was in, or, where that was
 * deleted with it, below the nearest one that is there, and removes it at once.
 */

/*
 * Source: whether the object dir/link is a file or a folder that no name leads to. 1: the record is filled in; 0: it is
 * not; or a refusal.
 */
int deleted_describe(int dir, const char *path, const char *link, struct image_file *image,
		     struct refusal *refusal);

/* Target: an empty one of the right size, the caller's, which is made with the rights of the process. */
int deleted_make(const struct file *file, int root, const struct image_opener *opener,
		 struct refusal *refusal);

/* Target, before anything is stopped: whether there is such a place. 0 or a refusal. */
int deleted_check(const struct file *file, int root, struct refusal *refusal);

/* Target, when the contents are in: owner, rights and time. */
int deleted_settle(const struct file *file, int fd, struct refusal *refusal);

#endif
