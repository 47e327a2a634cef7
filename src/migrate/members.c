/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/members.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void members_clear(struct members *members)
{
	members->count = 0;
}

void members_free(struct members *members)
{
	free(members->member);
	*members = (struct members){ 0 };
}

const struct image_member *members_find(const struct members *members, int32_t vpid)
{
	for (uint32_t i = 0; i < members->count; i++)
		if (members->member[i].vpid == vpid)
			return &members->member[i];
	return NULL;
}

/* The first has no parent but the init, and leads its session. */
static bool may_follow(const struct members *members, const struct image_member *member)
{
	const struct image_member *parent = members_find(members, member->parent);

	if (!members->count)
		return !member->parent && !member->ended && member->session == member->vpid &&
		       member->group == member->vpid;
	if (members_find(members, member->vpid) || (parent ? parent->ended : member->parent != 0))
		return false;
	/* The init takes note of the end of an orphan at once. */
	if (member->ended && !parent)
		return false;
	return member->ended || !members->member[members->count - 1].ended;
}

static int append(struct members *members, const struct image_member *member)
{
	if (members->count == members->capacity) {
		uint32_t capacity = members->capacity ? members->capacity * 2 : 4;
		struct image_member *bigger = realloc(members->member, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		members->member = bigger;
		members->capacity = capacity;
	}
	assert(members->count < members->capacity);
	members->member[members->count++] = *member;
	return 0;
}

int members_append(struct members *members, const struct image_member *member)
{
	if (members->count == IMAGE_MEMBERS_MAX || !may_follow(members, member))
		return -EBADMSG;
	return append(members, member);
}

bool members_is_orphan(const struct members *members, const struct image_member *member)
{
	assert(members->count);
	return !member->parent && member->vpid != members->member[0].vpid;
}

int32_t members_birth_session(const struct members *members, const struct image_member *member)
{
	const struct image_member *parent = members_find(members, member->parent);

	if (member->session != member->vpid || !parent)
		return member->session;
	return parent->session;
}

static bool is_placed(const struct members *members, const struct image_member *member)
{
	const struct image_member *parent = members_find(members, member->parent);
	const struct image_member *leader = members_find(members, member->group);

	if (leader && (leader->session != member->session || leader->group != leader->vpid))
		return false;
	/* The leader of a session is in the group of its own number. */
	if (member->session == member->vpid)
		return member->group == member->vpid;
	if (!parent)
		return members_is_orphan(members, member) && member->session > 1;
	return member->session == parent->session ||
	       member->session == members_birth_session(members, parent);
}

const struct image_member *members_misplaced(const struct members *members)
{
	for (uint32_t i = 0; i < members->count; i++)
		if (!is_placed(members, &members->member[i]))
			return &members->member[i];
	return NULL;
}

static int add_gone(const struct members *members, struct members *gone, int32_t vpid,
		    int32_t session)
{
	const struct image_member leader = { .vpid = vpid,
					     .parent = vpid == session ? 0 : session,
					     .session = session,
					     .group = vpid };

	if (members_find(members, vpid) || members_find(gone, vpid))
		return 0;
	return append(gone, &leader);
}

int members_find_gone(const struct members *members, struct members *gone)
{
	int r = 0;

	assert(!gone->count);
	for (uint32_t i = 0; i < members->count && r == 0; i++)
		r = add_gone(members, gone, members->member[i].session, members->member[i].session);
	for (uint32_t i = 0; i < members->count && r == 0; i++)
		r = add_gone(members, gone, members->member[i].group, members->member[i].session);
	return r;
}

bool members_are_same(const struct members *a, const struct members *b)
{
	assert(a->count && b->count);
	return a->count == b->count &&
	       memcmp(a->member, b->member, a->count * sizeof(a->member[0])) == 0;
}

uint32_t members_living(const struct members *members)
{
	uint32_t count = 0;

	while (count < members->count && !members->member[count].ended)
		count++;
	return count;
}
