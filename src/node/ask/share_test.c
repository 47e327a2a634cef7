/* SPDX-License-Identifier: Apache-2.0 */
#include "node/ask/share.h"

#include <stdlib.h>

#include "base/test.h"

static struct share *shares;

static unsigned take_all(uid_t uid, enum share_kind kind)
{
	unsigned count = 0;

	while (count < 10000 && share_take(&shares, uid, kind))
		count++;
	return count;
}

static void give_all(uid_t uid, enum share_kind kind, unsigned count)
{
	while (count--)
		share_give(&shares, uid, kind);
}

/* Of each kind for itself, and whatever another user has. */
static void test_a_user_has_a_part_of_each(void)
{
	unsigned count[SHARE_KINDS];

	for (int kind = 0; kind < SHARE_KINDS; kind++) {
		count[kind] = take_all(1000, (enum share_kind)kind);
		CHECK(count[kind] > 0 && count[kind] < 10000);
		CHECK(share_take(&shares, 1001, (enum share_kind)kind));
		share_give(&shares, 1001, (enum share_kind)kind);
	}
	for (int kind = 0; kind < SHARE_KINDS; kind++) {
		share_give(&shares, 1000, (enum share_kind)kind);
		CHECK(share_take(&shares, 1000, (enum share_kind)kind));
		CHECK(!share_take(&shares, 1000, (enum share_kind)kind));
		give_all(1000, (enum share_kind)kind, count[kind]);
	}
	CHECK(!shares);
}

static void test_root_has_no_limit(void)
{
	CHECK_EQ(take_all(0, SHARE_SEARCHES), 10000);
	give_all(0, SHARE_SEARCHES, 10000);
	CHECK(!shares);
}

/* A refused request is not counted, and leaves nothing. */
static void test_nothing_is_left(void)
{
	unsigned count = take_all(1000, SHARE_SEARCHES);

	CHECK(!share_take(&shares, 1000, SHARE_SEARCHES));
	give_all(1000, SHARE_SEARCHES, count);
	CHECK(!shares);
}

int main(void)
{
	TEST(test_a_user_has_a_part_of_each);
	TEST(test_root_has_no_limit);
	TEST(test_nothing_is_left);
	return test_end();
}
