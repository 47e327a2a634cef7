/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_LOCKS_H
#define DVS_MIGRATE_LOCKS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/refusal.h"
#include "os/procdir.h"
#include "wire/image.h"

/*
 * The locks of files that a process has through its descriptors. The source has its locks until it ends, so that
 * a move that is called off has lost none. The target gets each lock in the first of these ways that is possible:
 *
 *	description   on one machine a description that has locks is taken over (kind_file.c), and they with it
 *	load          a lock that the source's does not exclude is taken when the descriptors are made
 *	decision      any other one is taken as soon as the source has ended, and the process does not run before
 *
 * Between the end of the source and a lock of the last sort another process may take that lock. The source
 * refuses where a process waits for one.
 */
struct locks {
	struct image_lock *lock; /* owned */
	uint32_t count, capacity;
};

void locks_free(struct locks *locks);
int locks_append(struct locks *locks, const struct image_lock *lock); /* or -ENOMEM, -E2BIG */
/* Whether any keeps all others from one of its own; a lease does not. */
bool locks_exclude(const struct locks *locks);

/* ---- source: locks_source.c ---- */

/* One look at many descriptors. */
struct locks_look {
	struct procdir_text all; /* owned: /proc/locks, which is read when it is needed */
	bool (*moves)(const void *ctx, pid_t pid); /* whether the process is one that moves */
	const void *ctx;
};

/*
 * The locks in the fdinfo of descriptor `number`, with the processes that wait for them. A lock or lease that cannot be
 * carried, and one that a process which stays would get before the target, is refused. 0 or the refusal.
 */
int locks_read(struct locks *locks, struct locks_look *look, int number, const char *info,
	       struct refusal *refusal);

/* Whether the description has locks of its own, by that fdinfo. */
bool locks_are_of_description(const char *info);

/*
 * Frozen: those that move wait for nothing now, so that a waiter of which the kernel does not tell the process is one
 * that stays, and refused. 0 or the refusal.
 */
int locks_check(const struct locks *locks, struct refusal *refusal);

#endif
