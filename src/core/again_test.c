/* SPDX-License-Identifier: Apache-2.0 */
#include "core/again.h"

#include "base/test.h"
#include "wire/ctl.h"

static void test_what_acts(void)
{
	struct again_request request = { .has_asker = true };

	CHECK_EQ(again_of(&request, AGAIN_UNSENT, true), AGAIN_ASK);
	CHECK_EQ(again_of(&request, AGAIN_UNTOUCHED, true), AGAIN_ASK);
	/* It may be done already. */
	CHECK_EQ(again_of(&request, AGAIN_UNKNOWN, true), AGAIN_NOT);
}

/* A call that acts is done once, and one that nobody knows is not harmless. */
static void test_calls(void)
{
	static const unsigned act[] = { CTL_BIND,    CTL_UNBIND, CTL_RUN,    CTL_MOVE,
					CTL_MIGRATE, CTL_SIGNAL, CTL_NOTIFY, CTL_RESTART,
					CTL_DCINIT,  0,		 999 };

	for (unsigned i = 0; i < sizeof(act) / sizeof(*act); i++)
		CHECK(!again_is_harmless(act[i]));
	CHECK(again_is_harmless(CTL_PROCINFO) && again_is_harmless(CTL_CHANNEL));
	CHECK(again_is_harmless(CTL_PROCTABLE) && again_is_harmless(CTL_ENDED));
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

/* This daemon asks for the rows of its client, and shows none of them twice; it does nothing twice. */
static void test_asked_inside(void)
{
	struct again_request request = { .is_inside = true };

	CHECK_EQ(again_of(&request, AGAIN_UNSENT, true), AGAIN_NOT);
	request.is_harmless = true;
	CHECK_EQ(again_of(&request, AGAIN_UNSENT, true), AGAIN_ASK);
	CHECK_EQ(again_of(&request, AGAIN_UNTOUCHED, true), AGAIN_ASK);
	CHECK_EQ(again_of(&request, AGAIN_UNKNOWN, true), AGAIN_ASK);
	request.is_answered = true;
	CHECK_EQ(again_of(&request, AGAIN_UNKNOWN, true), AGAIN_NOT);
	CHECK_EQ(again_of(&request, AGAIN_UNTOUCHED, true), AGAIN_NOT);
}

/* Requests that a restart may lose. */
static void test_a_restart(void)
{
	struct again_request request = { .has_asker = true };

	CHECK(!again_without(&request)); /* a client would get no answer */
	request.is_harmless = true;
	CHECK(!again_without(&request));
	request.is_follower = true;
	CHECK(again_without(&request));
	request = (struct again_request){ .is_inside = true };
	CHECK(again_without(&request));
	request = (struct again_request){ .is_passed_on = true };
	CHECK(!again_without(&request)); /* a move, say: its node would ask for it once more */
	request.is_harmless = true;
	CHECK(again_without(&request));
}

int main(void)
{
	TEST(test_what_acts);
	TEST(test_calls);
	TEST(test_what_looks);
	TEST(test_what_follows);
	TEST(test_nobody_waits);
	TEST(test_asked_inside);
	TEST(test_a_restart);
	return test_end();
}
