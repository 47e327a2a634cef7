/* SPDX-License-Identifier: Apache-2.0 */
#include "base/right.h"

const struct right_user right_root = { .uid = 0 };

static bool is_member(const struct right_user *user, uint32_t gid)
{
	/* The number came with the user. */
	uint32_t count =
		user->group_count < RIGHT_GROUPS_MAX ? user->group_count : RIGHT_GROUPS_MAX;

	if (user->gid == gid)
		return true;
	for (uint32_t i = 0; i < count; i++)
		if (user->group[i] == gid)
			return true;
	return false;
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
