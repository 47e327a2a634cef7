/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_MEMBERS_H
#define DVS_MIGRATE_MEMBERS_H

#include "wire/image.h"

/*
 * The processes of a tree: the first one is that from which the others descend. Parents come before their
 * children, and those that have ended last. An orphan is one of which the parent has ended: its parent is 0, as that
 * of the first.
 */
struct members {
	struct image_member *member; /* owned */
	uint32_t count, capacity;
};

void members_clear(struct members *members);
void members_free(struct members *members);

/*
 * One after the others. 0, -ENOMEM, or -EBADMSG: it cannot be made after them, because its number is taken,
 * its parent is not among them, or comes too late.
 */
int members_append(struct members *members, const struct image_member *member);

/* Whether they are the same processes in the same order, and have ended or not. */
bool members_are_same(const struct members *a, const struct members *b);

/* The member with this number, or NULL. */
const struct image_member *members_find(const struct members *members, int32_t vpid);

/*
 * The session that each member is born in, by index: its own, or for one that makes a session the one that its children
 * know it from; if none does, that of its parent, of an orphan that of the first.
 */
void members_births(const struct members *members, int32_t birth[IMAGE_MEMBERS_MAX]);

bool members_is_orphan(const struct members *members, const struct image_member *member);

/*
 * All are known: whether the sessions and groups are such that members can make them. Each is in a session of
 * its own, in that of its parent, or in that which its parent was born in; an orphan is in any one. Each that makes a
 * session was born in that of its parent, or in that which its parent was born in. The leader of its
 * group is a member in its session, or has gone. The one of which that is not so, or NULL.
 */
const struct image_member *members_misplaced(const struct members *members);

/*
 * The leaders of sessions and groups which have gone while others are in these still: appended to *gone, those of
 * sessions first. The parent of the leader of a group is that of its session, which is among both. 0 or -ENOMEM.
 */
int members_find_gone(const struct members *members, struct members *gone);

/* How many have not ended: so many, the first, are processes. */
uint32_t members_living(const struct members *members);

#endif
