/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/members.h"

#include <errno.h>

#include "base/test.h"

static struct members members;

static int add(int32_t vpid, int32_t parent, int32_t session, int32_t group)
{
	const struct image_member member = {
		.vpid = vpid, .parent = parent, .session = session, .group = group
	};

	return members_append(&members, &member);
}

static int add_ended(int32_t vpid, int32_t parent, int32_t session, int32_t group)
{
	const struct image_member member = {
		.vpid = vpid, .parent = parent, .session = session, .group = group, .ended = 1
	};

	return members_append(&members, &member);
}

/* The first leads; parents are there, and live; the ended come last. */
static void test_order(void)
{
	CHECK_EQ(add(7, 6, 7, 7), -EBADMSG);
	CHECK_EQ(add(7, 0, 6, 7), -EBADMSG);
	CHECK_EQ(add_ended(7, 0, 7, 7), -EBADMSG);
	CHECK_EQ(add(7, 0, 7, 7), 0);
	CHECK_EQ(add(7, 7, 7, 7), -EBADMSG);
	CHECK_EQ(add(8, 9, 7, 7), -EBADMSG);
	CHECK_EQ(add(8, 7, 7, 7), 0);
	CHECK_EQ(add(9, 8, 7, 7), 0);
	CHECK_EQ(add_ended(10, 9, 7, 7), 0);
	CHECK_EQ(add_ended(11, 10, 7, 7), -EBADMSG);
	CHECK_EQ(add(11, 9, 7, 7), -EBADMSG);
	CHECK_EQ(add_ended(11, 7, 7, 7), 0);
	CHECK_EQ(members.count, 5);
	CHECK_EQ(members_living(&members), 3);
	CHECK(members_find(&members, 9) == &members.member[2]);
	CHECK(!members_find(&members, 12));
	CHECK(!members_misplaced(&members));
	members_clear(&members);
	CHECK_EQ(members_living(&members), 0);
}

static bool is_misplaced(int32_t vpid)
{
	const struct image_member *member = members_misplaced(&members);
	bool is = member && member->vpid == vpid;

	members_clear(&members);
	return is;
}

/* 8 has a session of its own, with 10, and 9 was born before it had that. */
static void test_sessions(void)
{
	int32_t birth[IMAGE_MEMBERS_MAX];

	add(7, 0, 7, 7);
	add(8, 7, 8, 8);
	add(9, 8, 7, 9);
	add(10, 8, 8, 8);
	CHECK(!members_misplaced(&members));
	members_births(&members, birth);
	CHECK(birth[0] == 7 && birth[1] == 7 && birth[2] == 7 && birth[3] == 8);
	add(11, 10, 7, 7); /* its parent never was in that session */
	CHECK(is_misplaced(11));
	add(7, 0, 7, 7);
	add(8, 7, 6, 7); /* a session that neither it nor its parent was born in */
	CHECK(is_misplaced(8));
}

/* Parents that made sessions of their own when they had children, which were in the session of the first. */
static void test_births(void)
{
	int32_t birth[IMAGE_MEMBERS_MAX];

	add(7, 0, 7, 7);
	add(8, 7, 8, 8);
	add(9, 8, 9, 9);
	add(10, 9, 7, 7);
	CHECK(!members_misplaced(&members));
	members_births(&members, birth);
	CHECK(birth[1] == 7 && birth[2] == 7 && birth[3] == 7);
	add(11, 9, 8, 8); /* its parent was born in one of the two alone */
	CHECK(is_misplaced(10));
	/* An orphan that made a session, too. */
	add(7, 0, 7, 7);
	add(8, 0, 8, 8);
	add(9, 8, 7, 7);
	add(10, 0, 10, 10);
	add(11, 10, 8, 8);
	add(12, 10, 10, 12);
	CHECK(!members_misplaced(&members));
	members_births(&members, birth);
	CHECK(birth[1] == 7 && birth[2] == 7 && birth[3] == 8 && birth[5] == 10);
	members_clear(&members);
}

static bool is_gone(const struct members *gone, uint32_t i, int32_t vpid, int32_t parent,
		    int32_t session)
{
	const struct image_member *member = &gone->member[i];

	return member->vpid == vpid && member->parent == parent && member->session == session &&
	       member->group == vpid;
}

/* Orphans in a session of their own, in that of one that lives, or of one that has gone; groups without leaders. */
static void test_orphans(void)
{
	struct members gone = { 0 };

	add(7, 0, 7, 7);
	CHECK(!members_is_orphan(&members, &members.member[0]));
	CHECK_EQ(add(8, 0, 8, 8), 0);
	CHECK(members_is_orphan(&members, &members.member[1]));
	CHECK_EQ(add(9, 0, 7, 12), 0);
	CHECK_EQ(add(10, 0, 5, 5), 0);
	CHECK_EQ(add(11, 10, 5, 13), 0);
	CHECK(!members_is_orphan(&members, &members.member[4]));
	CHECK_EQ(add_ended(15, 0, 7, 7), -EBADMSG);
	CHECK(!members_misplaced(&members));
	CHECK_EQ(members_find_gone(&members, &gone), 0);
	CHECK_EQ(gone.count, 3);
	CHECK(is_gone(&gone, 0, 5, 0, 5));
	CHECK(is_gone(&gone, 1, 12, 7, 7) && is_gone(&gone, 2, 13, 5, 5));
	members_free(&gone);
	add(14, 0, 1, 14); /* the session of the init */
	CHECK(is_misplaced(14));
}

static void test_groups(void)
{
	add(7, 0, 7, 7);
	add(8, 7, 7, 9);
	add(9, 7, 7, 9);
	add(10, 7, 7, 12); /* a group whose leader has gone */
	CHECK(!members_misplaced(&members));
	members_clear(&members);
	add(7, 0, 7, 7);
	add(8, 7, 8, 8);
	add(9, 7, 7, 8); /* a group of another session */
	CHECK(is_misplaced(9));
	add(7, 0, 7, 7);
	add(8, 7, 7, 7);
	add(9, 7, 7, 8); /* of one that does not lead it */
	CHECK(is_misplaced(9));
	add(7, 0, 7, 7);
	add(8, 7, 7, 9);
	add_ended(9, 7, 7, 9);
	CHECK(!members_misplaced(&members));
	members_free(&members);
}

static void test_same(void)
{
	struct members other = { 0 };

	add(7, 0, 7, 7);
	add(8, 7, 7, 7);
	CHECK_EQ(members_append(&other, &members.member[0]), 0);
	CHECK(!members_are_same(&members, &other));
	CHECK_EQ(members_append(&other, &members.member[1]), 0);
	CHECK(members_are_same(&members, &other));
	other.member[1].ended = 1;
	CHECK(!members_are_same(&members, &other));
	members_free(&other);
	members_free(&members);
}

int main(void)
{
	TEST(test_order);
	TEST(test_sessions);
	TEST(test_births);
	TEST(test_orphans);
	TEST(test_groups);
	TEST(test_same);
	return test_end();
}
