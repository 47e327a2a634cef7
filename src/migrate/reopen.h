/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_REOPEN_H
#define DVS_MIGRATE_REOPEN_H

#include "migrate/files.h"

struct carried;

/*
 * Target: whether every file is here, below the directory `root`, and is the same: the very same one on
 * the same machine, the same build or the same size and time elsewhere. Those that are not and can be carried are
 * noted in `carried` (migrate/carry.h).
 */
int files_compare(const struct files *files, int root, bool same_machine, struct carried *carried,
		  struct refusal *refusal);

/*
 * Target: opens the object that the file is, compared when it is held, with the rights that `opener` has
 * unless it is the very same object, and (held) the process has had it open until now: the numbers of a file that
 * nobody has open may be those of another one by now. Returns a descriptor that the caller owns, or a refusal.
 */
int files_reopen(const struct file *file, int root, bool same_machine, bool held,
		 const struct image_opener *opener, uint32_t flags, struct refusal *refusal);

#endif
