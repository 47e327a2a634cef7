/* SPDX-License-Identifier: Apache-2.0 */
#include "group/history.h"

#include "base/test.h"

#include <string.h>

static struct history history;

static void add(uint64_t from, uint64_t to)
{
	uint8_t command[COMMAND_BYTES];

	for (uint64_t order = from; order <= to; order++) {
		memset(command, (int)order & 0xff, sizeof(command));
		history_add(&history, order, command);
	}
}

static void test_nothing(void)
{
	history_clear(&history);
	CHECK(!history_reaches(&history, 0));
	CHECK(!history_reaches(&history, 1));
}

static void test_few(void)
{
	history_clear(&history);
	add(7, 9);
	CHECK(history_reaches(&history, 9));
	CHECK(history_reaches(&history, 6)); /* 7 to 9 are there */
	CHECK(!history_reaches(&history, 5));
	CHECK(!history_reaches(&history, 10));
	for (uint64_t order = 7; order <= 9; order++) {
		const uint8_t *delivery = history_delivery(&history, order);

		CHECK_EQ(group_number_decode(delivery), order);
		CHECK_EQ(delivery[8], order);
		CHECK_EQ(delivery[GROUP_DELIVER_BYTES - 1], order);
	}
}

static void test_many(void)
{
	uint64_t last = HISTORY_MAX + 100;

	history_clear(&history);
	add(1, last);
	CHECK(history_reaches(&history, 100));
	CHECK(!history_reaches(&history, 99));
	CHECK_EQ(group_number_decode(history_delivery(&history, 101)), 101);
	CHECK_EQ(group_number_decode(history_delivery(&history, last)), last);
}

static void test_anew(void)
{
	history_clear(&history);
	add(1, 50);
	history_clear(&history);
	CHECK(!history_reaches(&history, 50));
	add(1, 2);
	CHECK(history_reaches(&history, 1));
	CHECK(!history_reaches(&history, 3));
	CHECK(!history_reaches(&history, 0)); /* of no member */
}

int main(void)
{
	TEST(test_nothing);
	TEST(test_few);
	TEST(test_many);
	TEST(test_anew);
	return test_end();
}
