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

static bool leads(const struct image_member *member)
{
	return member->session == member->vpid;
}

/* Children come after their parents, so that all which know a member from its birth are seen before it. */
void members_births(const struct members *members, int32_t birth[IMAGE_MEMBERS_MAX])
{
	assert(members->count && members->count <= IMAGE_MEMBERS_MAX);
	for (uint32_t i = 0; i < members->count; i++)
		birth[i] = leads(&members->member[i]) ? 0 : members->member[i].session;
	for (uint32_t i = members->count; i-- > 0;) {
		const struct image_member *member = &members->member[i];
		const struct image_member *parent = members_find(members, member->parent);

		if (!birth[i])
			birth[i] = parent ? parent->session : members->member[0].session;
		/* It is from before the session of its parent. */
		if (parent && leads(parent) && birth[i] != parent->session &&
		    !birth[parent - members->member])
			birth[parent - members->member] = birth[i];
	}
}

static bool is_placed(const struct members *members, const int32_t birth[],
		      const struct image_member *member)
{
	const struct image_member *parent = members_find(members, member->parent);
	const struct image_member *leader = members_find(members, member->group);
	int32_t born = birth[member - members->member];

	if (leader && (leader->session != member->session || leader->group != leader->vpid))
		return false;
	/* The leader of a session is in the group of its own number. */
	if (leads(member) && member->group != member->vpid)
		return false;
	if (!parent)
		return member == members->member ||
		       (born > 1 && members_is_orphan(members, member));
	return born == parent->session || born == birth[parent - members->member];
}

const struct image_member *members_misplaced(const struct members *members)
{
	int32_t birth[IMAGE_MEMBERS_MAX];

	members_births(members, birth);
	for (uint32_t i = 0; i < members->count; i++)
		if (!is_placed(members, birth, &members->member[i]))
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
