/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/refusal.h"
#include "base/test.h"

static void test_says_what_why_remedy(void)
{
	struct refusal r = REFUSAL_NONE;

	CHECK_EQ(refusal_set(&r, -22, "endpoint %d has %d open sockets", 10, 2), -22);
	CHECK_EQ(r.error, -22);
	CHECK(!strcmp(r.reason, "endpoint 10 has 2 open sockets"));
}

static void test_first_refusal_wins(void)
{
	struct refusal r = REFUSAL_NONE;

	refusal_set(&r, -1, "near the cause");
	CHECK_EQ(refusal_set(&r, -2, "far from it"), -2);
	CHECK_EQ(r.error, -1);
	CHECK(!strcmp(r.reason, "near the cause"));
	refusal_clear(&r);
	CHECK_EQ(r.error, 0);
	CHECK_EQ(r.reason[0], 0);
	refusal_set(&r, -2, "again");
	CHECK_EQ(r.error, -2);
}

static void test_long_sentence_is_cut(void)
{
	struct refusal r = REFUSAL_NONE;
	char text[1000];

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	refusal_set(&r, -5, "%s", text);
	CHECK_EQ(strlen(r.reason), sizeof(r.reason) - 1);
}

static void test_nobody_asks_why(void)
{
	CHECK_EQ(refusal_set(NULL, -5, "unheard"), -5);
}

int main(void)
{
	TEST(test_says_what_why_remedy);
	TEST(test_first_refusal_wins);
	TEST(test_long_sentence_is_cut);
	TEST(test_nobody_asks_why);
	return test_end();
}
