/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_MEMFD_H
#define DVS_MIGRATE_MEMFD_H

#include "base/refusal.h"
#include "migrate/files.h"

/*
 * Memory files (memfd_create). One is a file of the table without a path that could be opened: the
 * target makes a new one of the same name, size, mode, owner and seals, and the contents travel as those
 * of shared memory do. Its inode number is another one afterwards.
 */

/* Whether a link of /proc looks like one. */
bool memfd_is_link(const char *path);

/* Source: describes the memory file dir/link. Refuses one of another kind, and another object. */
int memfd_describe(int dir, const char *link, struct image_file *image, struct refusal *refusal);

/* Target: an empty one of the right size, the caller's. */
int memfd_make(const struct file *file, struct refusal *refusal);

/* Target: opened once more, with the flags of a descriptor of the process. */
int memfd_reopen(const struct file *file, int fd, uint32_t flags, struct refusal *refusal);

/* Target, when the contents are in and only the mappings of the process are left: times and seals. */
int memfd_seal(const struct file *file, int fd, struct refusal *refusal);

#endif
