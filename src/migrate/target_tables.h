/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_TARGET_TABLES_H
#define DVS_MIGRATE_TARGET_TABLES_H

#include "migrate/target_tree.h"

/*
 * The descriptor tables of all processes, and of threads that have their own: each of these is a restore as a process
 * is, which has descriptors, locks and owners, and nothing else (restore.table). The functions return 0 or a refusal.
 */

/*
 * All processes have their memory, and no descriptors yet: makes all threads, and a table for each that has its own.
 */
int target_tables_make(struct target_tree *tree, struct refusal *refusal);

/* The descriptors of all, at their numbers, and the directories of processes. */
int target_tables_restore(struct target_tree *tree, struct refusal *refusal);

/* Calls each() for every process, and after it for the tables of its threads, until one refuses. */
int target_tables_each(struct target_tree *tree,
		       int (*each)(struct restore *table, struct refusal *refusal),
		       struct refusal *refusal);

/* Whether the process, or a thread with a table of its own, has to wait for the source to give a lock up. */
bool target_tables_lack_locks(const struct restore *process);
/* Takes those locks, as restore_locks_late(). */
int target_tables_lock_late(struct restore *process, int64_t deadline_ns, struct refusal *refusal);

#endif
