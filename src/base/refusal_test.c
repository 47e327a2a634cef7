/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/refusal.h"
#include "base/test.h"
#include "dvk.h"

static void test_says_what_why_remedy(void)
{
	struct refusal r = REFUSAL_NONE;

	CHECK_EQ(refusal_set(&r, EDVSINVAL, "endpoint %d has %d sockets", 10, 2), EDVSINVAL);
	CHECK_EQ(r.error, EDVSINVAL);
	CHECK(!strcmp(r.reason, "endpoint 10 has 2 sockets"));
}

static void test_first_refusal_wins(void)
{
	struct refusal r = REFUSAL_NONE;

	refusal_set(&r, EDVSPERM, "near the cause");
	CHECK_EQ(refusal_set(&r, EDVSNOENT, "far from it"), EDVSNOENT);
	CHECK_EQ(r.error, EDVSPERM);
	CHECK(!strcmp(r.reason, "near the cause"));
	refusal_clear(&r);
	CHECK_EQ(r.error, 0);
	CHECK_EQ(r.reason[0], 0);
	refusal_set(&r, EDVSNOENT, "again");
	CHECK_EQ(r.error, EDVSNOENT);
}

static void test_long_sentence_is_cut(void)
{
	struct refusal r = REFUSAL_NONE;
	char text[1000];

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	refusal_set(&r, EDVSIO, "%s", text);
	CHECK_EQ(strlen(r.reason), sizeof(r.reason) - 1);
}

static void test_nobody_asks_why(void)
{
	CHECK_EQ(refusal_set(NULL, EDVSIO, "unheard"), EDVSIO);
}

/* The number that is kept is one of ours, from any source. */
static void test_only_our_numbers_get_in(void)
{
	struct refusal r = REFUSAL_NONE;

	CHECK_EQ(refusal_set_errno(&r, -ETIMEDOUT, "no answer"), EDVSTIMEDOUT);
	CHECK_EQ(r.error, EDVSTIMEDOUT);
	CHECK_EQ(refusal_set_errno(NULL, ETIMEDOUT, "unheard"), EDVSTIMEDOUT);
	CHECK_EQ(refusal_set_errno(NULL, 0, "a failure without a number"), EDVSGENERIC);
	CHECK_EQ(refusal_set_number(NULL, EDVSTIMEDOUT, "ours"), EDVSTIMEDOUT);
	refusal_clear(&r);
	CHECK_EQ(refusal_set_number(&r, -ECANCELED, "from a peer"), EDVSGENERIC);
	CHECK_EQ(r.error, EDVSGENERIC);
	CHECK_EQ(refusal_set_number(NULL, 0, "no number"), EDVSGENERIC);
	CHECK_EQ(refusal_set_number(NULL, 22, "a positive one"), EDVSGENERIC);
}

int main(void)
{
	TEST(test_says_what_why_remedy);
	TEST(test_first_refusal_wins);
	TEST(test_long_sentence_is_cut);
	TEST(test_nobody_asks_why);
	TEST(test_only_our_numbers_get_in);
	return test_end();
}
