/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_SECCOMP_H
#define DVS_MIGRATE_SECCOMP_H

#include "base/refusal.h"
#include "migrate/inventory.h"
#include "migrate/tracee.h"

struct writer;

/* Source: the seccomp filters of one thread, which is held. */
struct seccomp {
	struct image_seccomp **filter; /* owned, each with its code behind it; the oldest first */
	uint32_t count, capacity;
};

void seccomp_free(struct seccomp *seccomp);

/*
 * The calls that the engine lets the thread make pass by its filters from here on, until it is let go: they may forbid
 * any of that. 0 or a refusal.
 */
int seccomp_suspend(struct tracee *tracee, struct inventory *inventory, struct refusal *refusal);

/* mode: SECCOMP_MODE_*; vtid for a sentence. seccomp is empty before. 0 or a refusal, which names a filter that asks
 * another program. */
int seccomp_read(struct seccomp *seccomp, pid_t tid, int32_t vtid, uint32_t mode,
		 struct refusal *refusal);

/* How many filters the two have in common, from the oldest on. */
uint32_t seccomp_common(const struct seccomp *a, const struct seccomp *b);

/* All from `first` on. */
void seccomp_send(const struct seccomp *seccomp, uint32_t first, struct writer *writer);

#endif
