/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_THREADS_H
#define DVS_MIGRATE_THREADS_H

#include "base/refusal.h"
#include "migrate/inventory.h"
#include "migrate/tracee.h"

/* The threads of a process, all held; the leader first. */
struct threads {
	struct tracee *tracee; /* owned */
	int32_t *vtid;	       /* owned: their numbers in the process's pid namespace */
	uint32_t count, capacity;
};

/*
 * Source: stops every thread of the process, those that are being created meanwhile included.
 * *first_stop_ns: CLOCK_MONOTONIC. After a refusal nothing is held.
 */
int threads_freeze(struct threads *threads, struct inventory *inventory, uint64_t *first_stop_ns,
		   struct refusal *refusal);

/* Source, frozen: fills in the threads' own numbers, which the inventory knows. 0 or a refusal. */
int threads_name(struct threads *threads, const struct inventory *inventory,
		 struct refusal *refusal);

/* Source: lets all of them run on; harmless for those that are gone. */
void threads_thaw(struct threads *threads);

/* Source, frozen: the one with this number as seen here, or NULL. */
struct tracee *threads_find(const struct threads *threads, pid_t tid);

/* Kills the process and waits for the end of every thread. */
void threads_kill(struct threads *threads);
void threads_free(struct threads *threads);

/* Target: sorts all but the leader by their own numbers. -ENOMEM, or 0. */
int threads_sort(struct threads *threads);

/* Appends one, for the target; NULL: out of memory. The pointer is valid until the next call. */
struct tracee *threads_append(struct threads *threads, pid_t tid, int32_t vtid);

#endif
