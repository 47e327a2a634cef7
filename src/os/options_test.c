/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "base/test.h"
#include "os/options.h"

#define WORDS(...)                \
	{                         \
		__VA_ARGS__, NULL \
	}
#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])) - 1)

static bool json, wait_too;
static int nodes;
static const char *mode;

static const struct option_row rows[] = {
	{ "json", 0, OPTION_FLAG, &json },	 { "wait", 'w', OPTION_FLAG, &wait_too },
	{ "nodes", 'n', OPTION_NUMBER, &nodes }, { "mode", 0, OPTION_WORD, &mode },
	{ NULL, 0, OPTION_FLAG, NULL },
};

static void reset(void)
{
	json = wait_too = false;
	nodes = -1;
	mode = "stop";
}

static void test_anywhere(void)
{
	char *argv[] = WORDS("0", "--json", "10", "--mode=pre", "-n", "3", "2");
	struct options o;

	reset();
	CHECK_OR_RETURN(options_parse(&o, rows, -1, COUNT(argv), argv));
	CHECK_EQ(o.count, 3);
	CHECK(!strcmp(o.operand[0], "0") && !strcmp(o.operand[1], "10") &&
	      !strcmp(o.operand[2], "2"));
	CHECK(json && !wait_too && nodes == 3 && !strcmp(mode, "pre"));
}

static void test_several_times(void)
{
	struct option_words words = { 0 };
	const struct option_row some[] = { { "address", 'a', OPTION_WORDS, &words },
					   { NULL, 0, OPTION_FLAG, NULL } };
	char *argv[] = WORDS("--address", "a", "-a", "b", "--address=c", "rest");
	char *many[] = WORDS("-a", "1", "-a", "2");
	struct options o;

	CHECK_OR_RETURN(options_parse(&o, some, -1, COUNT(argv), argv));
	CHECK_EQ(o.count, 1);
	CHECK_EQ(words.count, 3);
	CHECK(!strcmp(words.word[0], "a") && !strcmp(words.word[1], "b") &&
	      !strcmp(words.word[2], "c"));
	CHECK(!options_parse(&o, some, -1, COUNT(many), many));
	CHECK(strstr(o.why, "--address may be given 4 times at most"));
}

static bool find_twelve(const char *text, int *number, char *why, size_t size)
{
	if (strcmp(text, "dozen") != 0)
		snprintf(why, size, "%.9s is no dozen", text ? text : "");
	*number = 12;
	return !strcmp(text, "dozen");
}

static void test_found(void)
{
	int number = 0;
	struct option_found found = { &number, find_twelve };
	const struct option_row some[] = { { "node", 'n', OPTION_FOUND, &found },
					   { NULL, 0, OPTION_FLAG, NULL } };
	char *argv[] = WORDS("-n", "dozen"), *wrong[] = WORDS("--node=ten");
	struct options o;

	CHECK(options_parse(&o, some, -1, COUNT(argv), argv));
	CHECK_EQ(number, 12);
	CHECK(!options_parse(&o, some, -1, COUNT(wrong), wrong));
	CHECK(!strcmp(o.why, "ten is no dozen"));
}

static void test_negative_operand(void)
{
	char *argv[] = WORDS("0", "-2", "--", "--json");
	struct options o;

	reset();
	CHECK_OR_RETURN(options_parse(&o, rows, -1, COUNT(argv), argv));
	CHECK_EQ(o.count, 3);
	CHECK(!strcmp(o.operand[1], "-2") && !strcmp(o.operand[2], "--json"));
	CHECK(!json);
}

static void test_rest(void)
{
	char *with[] = WORDS("0", "10", "--wait", "--", "cmd", "--json");
	char *without[] = WORDS("-w", "0", "10", "cmd", "--json", "--");
	char *none[] = WORDS("0", "10");
	struct options o;

	reset();
	CHECK_OR_RETURN(options_parse(&o, rows, 2, COUNT(with), with));
	CHECK(o.count == 2 && wait_too && !json);
	CHECK(!strcmp(o.rest[0], "cmd") && !strcmp(o.rest[1], "--json") && !o.rest[2]);
	reset();
	CHECK_OR_RETURN(options_parse(&o, rows, 2, COUNT(without), without));
	CHECK(o.count == 2 && wait_too && !json);
	CHECK(!strcmp(o.rest[0], "cmd") && !strcmp(o.rest[2], "--") && !o.rest[3]);
	CHECK_OR_RETURN(options_parse(&o, rows, 2, COUNT(none), none));
	CHECK(o.count == 2 && !o.rest[0]);
}

static void test_wrong(void)
{
	char *unknown[] = WORDS("--jsno"), *missing[] = WORDS("--mode");
	char *value[] = WORDS("--json=1"), *number[] = WORDS("-n", "3x");
	char *prefix[] = WORDS("--js"), *letters[] = WORDS("-wx");
	struct options o;

	reset();
	CHECK(!options_parse(&o, rows, -1, 1, unknown) && strstr(o.why, "--jsno"));
	CHECK(!options_parse(&o, rows, -1, 1, missing) && strstr(o.why, "--mode"));
	CHECK(!options_parse(&o, rows, -1, 1, value) && strstr(o.why, "json"));
	CHECK(!options_parse(&o, rows, -1, 2, number) && strstr(o.why, "3x"));
	CHECK(!options_parse(&o, rows, -1, 1, prefix));
	CHECK(!options_parse(&o, rows, -1, 1, letters));
}

static void test_numbers(void)
{
	int n = 7;

	CHECK(options_number("-35", -35, 220, &n) && n == -35);
	CHECK(!options_number("", 0, 9, &n) && !options_number(" 1", 0, 9, &n));
	CHECK(!options_number("10", 0, 9, &n) && !options_number("99999999999", 0, 9, &n));
	CHECK_EQ(n, -35);
}

static void test_sets(void)
{
	unsigned set = 0;

	CHECK(options_set("0,2,5-7", &set) && set == 0xe5);
	CHECK(options_set("31", &set) && set == 0x80000000u);
	CHECK(!options_set("32", &set) && !options_set("2-1", &set) && !options_set("", &set));
	CHECK(!options_set("1,", &set) && !options_set("1-", &set) && !options_set("a", &set));
}

static void test_help(void)
{
	char *asked[] = WORDS("-w", "0", "10", "--help");
	char *others[] = WORDS("0", "10", "cmd", "--help");
	char *behind[] = WORDS("--bogus", "--help");
	struct options o;

	reset();
	CHECK(!options_parse(&o, rows, 2, COUNT(asked), asked) && !o.why[0]);
	CHECK(options_parse(&o, rows, 2, COUNT(others), others));
	CHECK(!options_parse(&o, rows, -1, COUNT(behind), behind) && strstr(o.why, "--bogus"));
}

static void test_operands(void)
{
	char *argv[] = { "3", "-2", "x", NULL };
	struct options options = { .operand = argv, .count = 2 };
	int dcid = 0, ep = 0;
	const struct operand_row rows[] = { { "DCID", &dcid }, { "EP", &ep }, { NULL, NULL } };

	CHECK(options_operands(&options, rows, 2) && dcid == 3 && ep == -2);
	options.count = 1;
	CHECK(options_operands(&options, rows, 1));
	CHECK(!options_operands(&options, rows, 2) && strstr(options.why, "EP is missing"));
	options.count = 3;
	CHECK(!options_operands(&options, rows, 2) && strstr(options.why, "\"x\""));
	argv[1] = "4294967296";
	CHECK(!options_operands(&options, rows, 2) &&
	      strstr(options.why, "EP is a number, not \"4294967296\""));
}

int main(void)
{
	TEST(test_anywhere);
	TEST(test_several_times);
	TEST(test_found);
	TEST(test_negative_operand);
	TEST(test_rest);
	TEST(test_wrong);
	TEST(test_numbers);
	TEST(test_help);
	TEST(test_operands);
	TEST(test_sets);
	return test_end();
}
