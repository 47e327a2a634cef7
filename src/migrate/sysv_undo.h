/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_SYSV_UNDO_H
#define DVS_MIGRATE_SYSV_UNDO_H

#include <sys/types.h>

#include "base/refusal.h"
#include "migrate/calls.h"
#include "migrate/sysv.h"

/*
 * Adjustments of semaphores that the end of a process undoes (SEM_UNDO). The kernel shows them nowhere: a process that
 * gives up its list has its semaphores changed by it. They are read off from that, and put back at once. That is only
 * possible for the list of one thread, and where all sets of the namespace move.
 */

/* Source, frozen: whether its list is no other process's, and all sets of the namespace move. 0 or a refusal. */
int sysv_undo_check(pid_t pid, const struct sysv *sysv, struct refusal *refusal);

/*
 * Source, frozen, the values are taken: adds the adjustments of the process with that number in its pid namespace to
 * the contents of the sets. The calls are begun in its only thread. 0 or a refusal; its list is as before.
 */
int sysv_undo_take(struct sysv *sysv, struct calls *calls, int32_t vpid, struct refusal *refusal);

/* Target: whether a piece of the contents of a set is such a list. */
bool sysv_undo_ok(const struct image_sysv *set, const void *piece, uint32_t length);

/* Target, the sets are made: adds calls that give the process its adjustments, and change no value. */
void sysv_undo_add(const struct sysv *sysv, struct calls *calls, int32_t vpid);

#endif
