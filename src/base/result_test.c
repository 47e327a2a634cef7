/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/result.h"
#include "base/test.h"
#include "dvk.h"

static void test_names(void)
{
	CHECK(!strcmp(result_name(-1), "EDVSPERM"));
	CHECK(!strcmp(result_name(-61), "EDVSTIMEDOUT"));
	CHECK(!strcmp(result_name(-109), "EDVSDSTDIED"));
	CHECK(!strcmp(result_name(-332), "EDVSMIGRATE"));
	CHECK(!strcmp(result_name(-512), "EDVSRESTARTSYS"));
	CHECK(!strcmp(result_text(-61), "time-out elapsed"));
}

static void test_numbers_without_a_name(void)
{
	CHECK(!strcmp(result_name(0), "OK"));
	CHECK(!strcmp(result_name(61), "OK"));
	CHECK(!strcmp(result_name(-322), "EDVSGENERIC"));
	CHECK(!strcmp(result_name(-100000), "EDVSGENERIC"));
	CHECK(result_text(-322)[0] != '\0');
}

#define CHECK_ROW(name, number, text)                  \
	CHECK_EQ(name, -(number));                     \
	CHECK(!strcmp(result_name(-(number)), #name)); \
	CHECK((text)[0] >= 'a' && (text)[0] <= 'z');

/* Programs see the numbers of dvk.h: the table and the header must not drift apart. */
static void test_table_agrees_with_public_header(void)
{
	RESULT_LIST(CHECK_ROW)
}

#define COUNT_ROW(name, number, text) +1
#define CHECK_ORDER(name, number, text) \
	CHECK((number) > last);         \
	last = (number);

static void test_table_is_complete_and_in_order(void)
{
	int last = 0;

	CHECK_EQ(0 RESULT_LIST(COUNT_ROW), 135);
	RESULT_LIST(CHECK_ORDER)
}

/* 110 is ETIMEDOUT, and EDVSTRAPDENIED: a time-out is never called a missing right. */
static void test_errno_is_another_space(void)
{
	CHECK_EQ(result_of_errno(ETIMEDOUT), EDVSTIMEDOUT);
	CHECK_EQ(result_of_errno(-ETIMEDOUT), EDVSTIMEDOUT);
	CHECK_EQ(result_of_errno(-ECONNREFUSED), EDVSCONNREFUSED);
	CHECK_EQ(result_of_errno(-ENOENT), EDVSNOENT);
	CHECK_EQ(result_of_errno(EMFILE), EDVSMFILE);
	CHECK_EQ(result_of_errno(0), 0);
	for (int number = 1; number < 200; number++) {
		int ours = result_of_errno(number);

		CHECK(ours < 0);
		if (number > ELOOP)
			CHECK(ours != -number || ours == -99);
	}
}

#define CHECK_CHECKED(name, number, text)               \
	CHECK_EQ(result_checked(-(number)), -(number)); \
	CHECK_EQ((int)RESULT_##name, name);

static void test_checked(void)
{
	RESULT_LIST(CHECK_CHECKED)
	CHECK_EQ(result_checked(0), EDVSGENERIC);
	CHECK_EQ(result_checked(22), EDVSGENERIC);
	CHECK_EQ(result_checked(-ECANCELED), EDVSGENERIC);
	CHECK_EQ(result_checked(-100000), EDVSGENERIC);
}

/* An errno that has another name with us, because there is none of its own. */
static const char *name_with_us(int number)
{
	switch (number) {
	case EHOSTUNREACH:
	case ENETUNREACH:
		return "EDVSDSTNOTRCH";
	case ENOBUFS:
		return "EDVSOUTOFBUFS";
	case EPROTO:
	case EBADMSG:
		return "EDVSBADREQUEST";
	case EOVERFLOW:
		return "EDVSBADRANGE";
	case EKEYREJECTED:
		return "EDVSPRIVILEGES";
	default:
		return NULL;
	}
}

#define NAME_ROW(name, number, text) #name,

static bool is_name_of_ours(const char *name)
{
	static const char *const names[] = { RESULT_LIST(NAME_ROW) };

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* Every errno of this system: EX becomes EDVSX where there is one, else what is listed above, else EDVSGENERIC. */
static void test_every_errno(void)
{
	int named = 0;

	for (int number = 1; number < 4096; number++) {
		const char *system = strerrorname_np(number);
		char expected[64];

		if (!system) {
			CHECK_EQ(result_of_errno(number), EDVSGENERIC);
			continue;
		}
		named++;
		snprintf(expected, sizeof(expected), "EDVS%s", system + 1);
		if (!is_name_of_ours(expected))
			snprintf(expected, sizeof(expected), "%s",
				 name_with_us(number) ? name_with_us(number) : "EDVSGENERIC");
		CHECK(!strcmp(result_name(result_of_errno(number)), expected));
		CHECK_EQ(result_of_errno(-number), result_of_errno(number));
	}
	CHECK(named > 130);
}

int main(void)
{
	TEST(test_errno_is_another_space);
	TEST(test_names);
	TEST(test_numbers_without_a_name);
	TEST(test_table_agrees_with_public_header);
	TEST(test_table_is_complete_and_in_order);
	TEST(test_checked);
	TEST(test_every_errno);
	return test_end();
}
