/* SPDX-License-Identifier: Apache-2.0 */
#include "base/right.h"

#include <string.h>

#include "base/test.h"

#define OWNER	 1000u
#define MEMBER	 1001u
#define STRANGER 1002u
#define GROUP	 50u
#define OTHERS	 60u

/* The rule once more, in other words: a bit for each class that has the user. */
static unsigned expected(unsigned mode, bool is_owner, bool is_member)
{
	unsigned have = mode % 8;

	if (is_member)
		have |= mode / 8 % 8;
	if (is_owner)
		have |= mode / 64;
	return have;
}

/* Every mode, every class of user, everything that can be asked for. */
static void test_all_combinations(void)
{
	static const struct {
		struct right_user user;
		bool owner, member;
	} users[] = {
		{ { .uid = STRANGER, .gid = OTHERS }, false, false },
		{ { .uid = MEMBER, .gid = GROUP }, false, true },
		{ { .uid = MEMBER, .gid = OTHERS, .group_count = 2, .group = { OTHERS, GROUP } },
		  false,
		  true },
		{ { .uid = OWNER, .gid = OTHERS }, true, false },
		{ { .uid = OWNER, .gid = GROUP }, true, true },
		/* An entry behind the count is no group. */
		{ { .uid = STRANGER, .gid = OTHERS, .group_count = 1, .group = { OTHERS, GROUP } },
		  false,
		  false },
	};
	unsigned wrong = 0, asked = 0;

	for (unsigned mode = 0; mode <= RIGHT_MODE_MOST; mode++) {
		const struct right_owner owner = { OWNER, GROUP, mode };

		for (unsigned i = 0; i < sizeof(users) / sizeof(*users); i++) {
			unsigned have = expected(mode, users[i].owner, users[i].member);

			for (unsigned rights = 0; rights < 8; rights++, asked++)
				wrong += right_may(&owner, &users[i].user, rights) !=
					 !(rights & ~have);
		}
	}
	CHECK_EQ(asked, 512 * 6 * 8);
	CHECK_EQ(wrong, 0);
}

static void test_the_letters(void)
{
	const struct right_owner file = { OWNER, GROUP, 0741 };
	const struct right_user owner = { .uid = OWNER }, member = { .uid = MEMBER, .gid = GROUP },
				stranger = { .uid = STRANGER, .gid = OTHERS };

	CHECK(right_may(&file, &owner, RIGHT_SEE | RIGHT_CHANGE | RIGHT_USE));
	CHECK(right_may(&file, &member, RIGHT_SEE));
	CHECK(!right_may(&file, &member, RIGHT_CHANGE));
	CHECK(!right_may(&file, &stranger, RIGHT_SEE));
	CHECK(right_may(&file, &stranger, RIGHT_USE));
	CHECK(!right_may(&file, &stranger, RIGHT_USE | RIGHT_SEE));
}

static void test_root_may_all(void)
{
	const struct right_owner closed = { OWNER, GROUP, 0 };

	CHECK(right_may(&closed, &right_root, RIGHT_SEE | RIGHT_CHANGE | RIGHT_USE));
	CHECK(!right_may(&closed, &(struct right_user){ .uid = OWNER, .gid = GROUP }, RIGHT_SEE));
}

/* A number of groups that came from elsewhere reads nothing behind the array. */
static void test_too_many_groups(void)
{
	struct right_user user = { .uid = STRANGER, .gid = OTHERS, .group_count = UINT32_MAX };
	const struct right_owner owner = { OWNER, GROUP, 0770 };

	CHECK(!right_may(&owner, &user, RIGHT_SEE));
	user.group[RIGHT_GROUPS_MAX - 1] = GROUP;
	CHECK(right_may(&owner, &user, RIGHT_SEE));
}

/* Of a user in many groups, those that decide are known wherever they stand among the others. */
static void test_groups_that_decide_come_first(void)
{
	const uint32_t wanted[] = { 1000, 3, 998, 3 };
	struct right_user user = { .uid = MEMBER };
	uint32_t all[500];

	for (uint32_t i = 0; i < 500; i++)
		all[i] = 2 * i;
	right_take_groups(&user, all, RIGHT_GROUPS_MAX, wanted, 4);
	CHECK_EQ(user.group_count, RIGHT_GROUPS_MAX);
	CHECK(!memcmp(user.group, all, sizeof(user.group)));
	right_take_groups(&user, all, 500, wanted, 4);
	CHECK_EQ(user.group_count, RIGHT_GROUPS_MAX);
	CHECK_EQ(user.group[0], 998);
	CHECK_EQ(user.group[1], 0);
	CHECK_EQ(user.group[RIGHT_GROUPS_MAX - 1], 60);
	/* More of them than are known: the first of them. */
	right_take_groups(&user, all, 500, all, 500);
	CHECK_EQ(user.group_count, RIGHT_GROUPS_MAX);
	CHECK(!memcmp(user.group, all, sizeof(user.group)));
	right_take_groups(&user, all, 40, &all[39], 1);
	CHECK_EQ(user.group[0], 78);
	CHECK_EQ(user.group[31], 60);
	right_take_groups(&user, NULL, 0, wanted, 4);
	CHECK_EQ(user.group_count, 0);
}

/* With the one group that counts the answer is the same. */
static void test_one_group_is_enough(void)
{
	struct right_user user = {
		.uid = MEMBER, .gid = OTHERS, .group_count = 1, .group = { GROUP }
	};
	const struct right_owner owner = { OWNER, GROUP, 0770 }, other = { OWNER, 77, 0770 };
	const struct right_user as = { .uid = MEMBER, .gid = right_group(&owner, &user) };

	CHECK_EQ(as.gid, GROUP);
	CHECK(right_may(&owner, &as, RIGHT_CHANGE));
	CHECK_EQ(right_group(&other, &user), OTHERS);
}

int main(void)
{
	TEST(test_all_combinations);
	TEST(test_the_letters);
	TEST(test_root_may_all);
	TEST(test_too_many_groups);
	TEST(test_groups_that_decide_come_first);
	TEST(test_one_group_is_enough);
	return test_end();
}
