/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_APART_H
#define DVS_MIGRATE_APART_H

#include "migrate/inventory.h"

/*
 * Source: threads apart. Such a thread has a descriptor table that is not its process's (inventory_thread.table), or
 * directories and a file mask that are not (inventory_thread.place); it may have them in common with other threads. All
 * return 0 or a refusal.
 */

/* Whether the thread with this index, which is not the first, is apart. The threads are told of each other later. */
void apart_look(struct inventory *inventory, uint32_t index);

/* All threads have been looked at: finds those that have one table or one place, and the tables (inventory.table). */
int apart_meet(struct inventory *inventory, struct refusal *refusal);

/* The refusal of a thread that has its table or its place in common with that task of another process. */
int apart_check_other(const struct inventory *inventory, pid_t other, struct refusal *refusal);

/* Whether there are any. */
bool apart_are_any(const struct inventory *inventory);

/*
 * The descriptors of the thread as they were read last; NULL: nothing is known of its table yet. *task: the thread
 * itself where it has a table of its own, else the one that has all that belongs to the process.
 */
const struct descriptors *apart_descriptors(const struct inventory *inventory, pid_t tid,
					    pid_t *task);

/* Forgets the tables. */
void apart_clear(struct inventory *inventory);

#endif
