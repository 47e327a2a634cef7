/* SPDX-License-Identifier: Apache-2.0 */
#include "core/again.h"

#include "base/test.h"

static void test_what_acts(void)
{
	struct again_request request = { .has_asker = true };

	CHECK_EQ(again_of(&request, AGAIN_UNSENT, true), AGAIN_ASK);
	CHECK_EQ(again_of(&request, AGAIN_UNTOUCHED, true), AGAIN_ASK);
	/* It may be done already. */
	CHECK_EQ(again_of(&request, AGAIN_UNKNOWN, true), AGAIN_NOT);
}

static void test_what_looks(void)
{
	struct again_request request = { .has_asker = true, .is_harmless = true };

	CHECK_EQ(again_of(&request, AGAIN_UNKNOWN, true), AGAIN_ASK);
	/* Rows that have been shown would be shown twice. */
	request.is_answered = true;
	CHECK_EQ(again_of(&request, AGAIN_UNKNOWN, true), AGAIN_NOT);
}

static void test_what_follows(void)
{
	struct again_request request = {
		.has_asker = true, .is_follower = true, .is_harmless = true, .is_answered = true
	};

	CHECK_EQ(again_of(&request, AGAIN_UNKNOWN, true), AGAIN_ATTACH);
	CHECK_EQ(again_of(&request, AGAIN_UNTOUCHED, true), AGAIN_ATTACH);
	CHECK_EQ(again_of(&request, AGAIN_UNKNOWN, false), AGAIN_NOT);
	request.is_answered = false;
	CHECK_EQ(again_of(&request, AGAIN_UNSENT, true), AGAIN_ASK);
}

static void test_nobody_waits(void)
{
	struct again_request request = { .is_harmless = true };

	CHECK_EQ(again_of(&request, AGAIN_UNSENT, true), AGAIN_NOT);
	CHECK_EQ(again_of(&request, AGAIN_UNTOUCHED, true), AGAIN_NOT);
}

int main(void)
{
	TEST(test_what_acts);
	TEST(test_what_looks);
	TEST(test_what_follows);
	TEST(test_nobody_waits);
	return test_end();
}
