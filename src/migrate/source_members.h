/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_SOURCE_MEMBERS_H
#define DVS_MIGRATE_SOURCE_MEMBERS_H

#include "base/refusal.h"
#include "migrate/inventory.h"

/* The children of a process, as /proc lists them, and what is told of each in the image. */
struct source_child {
	pid_t pid;
	bool is_of_thread; /* not of the main thread */
};

struct source_children {
	struct source_child *child; /* owned */
	uint32_t count, capacity;
};

/* After the others. 0, -ENOMEM, or another errno: the process has ended. */
int source_children_list(struct source_children *children, struct inventory *parent);
void source_children_free(struct source_children *children);

/* Whether that process has ended and its parent has not taken note; one that is gone has not. */
bool source_members_has_ended(pid_t pid);

/* The member that has ended; parent is not filled in. 0, or a refusal. */
int source_members_read_ended(pid_t pid, struct image_member *member, struct refusal *refusal);

#endif
