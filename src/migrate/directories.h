/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_DIRECTORIES_H
#define DVS_MIGRATE_DIRECTORIES_H

#include "migrate/inventory.h"

/*
 * Source: the program file, the working directory and the root directory of a process, and the directories of threads
 * that have their own (inventory_thread.is_apart). All return 0 or a refusal.
 */

/* Adds them to the table of files. */
int directories_read(struct inventory *inventory, struct refusal *refusal);

/* Whether the thread with this index, which is apart, has its directories in common with one before it. */
int directories_check_apart(const struct inventory *inventory, uint32_t index,
			    struct refusal *refusal);

/* Whether there are any. */
bool directories_are_apart(const struct inventory *inventory);

/* Whether any of those has them in common with another process. */
int directories_check_other(const struct inventory *inventory, pid_t other,
			    struct refusal *refusal);

#endif
