/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_OWNERS_H
#define DVS_MIGRATE_OWNERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/refusal.h"
#include "wire/image.h"

/* The tasks that get signals of the events of descriptors: one for each description that sends them. */
struct owners {
	struct image_owner *owner; /* owned */
	uint32_t count, capacity;
};

void owners_free(struct owners *owners);
int owners_append(struct owners *owners, const struct image_owner *owner); /* or -ENOMEM, -E2BIG */

/*
 * Source: the owner of the description that the process has as this number, if it has one or is_async. One that does
 * not move, as moves(ctx, pid) tells, is refused. 0 or the refusal.
 */
int owners_read(struct owners *owners, pid_t pid, int number, bool is_async,
		bool (*moves)(const void *ctx, pid_t pid), const void *ctx,
		struct refusal *refusal);

#endif
