/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_TAKEOVER_H
#define DVS_MIGRATE_TAKEOVER_H

#include <stdint.h>
#include <sys/types.h>

struct restore;

/*
 * Names an open file description of the source for a target on the same machine, which takes over that very description
 * and what only the kernel knows of it. The source's process stands meanwhile, and has the description until it ends.
 */
struct takeover {
	int32_t pid; /* the first holder, as the source's daemon sees it; 0: it is not to be taken over */
	int32_t number;
	uint64_t start; /* with pid, an identity */
	uint64_t pidns; /* of that daemon */
};

/* Source: the description that the process has as this number. */
struct takeover takeover_of(pid_t pid, int number);

/*
 * Target: a descriptor of it that the caller owns, which has these access flags; -errno: it is not to be had here.
 */
int takeover_open(const struct restore *restore, const struct takeover *takeover, uint32_t flags);

#endif
