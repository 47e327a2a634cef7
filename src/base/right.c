/* SPDX-License-Identifier: Apache-2.0 */
#include "base/right.h"

#include <assert.h>

const struct right_user right_root = { .uid = 0 };

static bool is_among(uint32_t gid, const uint32_t *groups, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* In ascending order: a user may have 65,536. */
static bool has_group(const uint32_t *all, size_t count, uint32_t gid)
{
	size_t first = 0;

	while (count) {
		size_t half = count / 2;

		if (all[first + half] < gid) {
			first += half + 1;
			count -= half + 1;
		} else if (all[first + half] > gid) {
			count = half;
		} else {
			return true;
		}
	}
	return false;
}

void right_take_groups(struct right_user *user, const uint32_t *all, size_t count,
		       const uint32_t *wanted, size_t wanted_count)
{
	bool fits = count <= RIGHT_GROUPS_MAX;
	uint32_t known = 0, first;

	for (size_t i = 0; !fits && i < wanted_count && known < RIGHT_GROUPS_MAX; i++)
		if (has_group(all, count, wanted[i]) && !is_among(wanted[i], user->group, known))
			user->group[known++] = wanted[i];
	first = known;
	for (size_t i = 0; i < count && known < RIGHT_GROUPS_MAX; i++)
		if (!is_among(all[i], user->group, first))
			user->group[known++] = all[i];
	user->group_count = known;
	assert(!fits || known == count);
}

static bool is_member(const struct right_user *user, uint32_t gid)
{
	/* The number came with the user. */
	uint32_t count =
		user->group_count < RIGHT_GROUPS_MAX ? user->group_count : RIGHT_GROUPS_MAX;

	return user->gid == gid || is_among(gid, user->group, count);
}

bool right_may(const struct right_owner *owner, const struct right_user *user, unsigned rights)
{
	unsigned have = owner->mode;

	if (user->uid == 0)
		return true;
	if (user->uid == owner->uid)
		have |= owner->mode >> 6;
	if (is_member(user, owner->gid))
		have |= owner->mode >> 3;
	return (have & rights) == rights;
}

uint32_t right_group(const struct right_owner *owner, const struct right_user *user)
{
	return is_member(user, owner->gid) ? owner->gid : user->gid;
}
