/* SPDX-License-Identifier: Apache-2.0 */
#include "group/history.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"
#include "os/socket.h"

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

/* The commands behind a place go out in their order, and the quorum after them. */
static void test_put(void)
{
	struct group_stream here, there;
	struct group_frame f;
	int pair[2];

	CHECK_OR_RETURN(!os_unix_pair(OS_STREAM, pair));
	for (int i = 0; i < 2; i++)
		CHECK_EQ(os_set_nonblock(pair[i], 1), 0);
	group_stream_init(&here, pair[0], 1 << 20);
	group_stream_init(&there, pair[1], 1 << 20);
	history_clear(&history);
	add(1, 9);
	for (uint64_t from = 7; from <= 9; from++) {
		CHECK_EQ(history_put(&history, &here, from, from == 9), 0);
		CHECK_EQ(group_stream_fill(&there), 0);
		for (uint64_t order = from + 1; order <= 9; order++) {
			CHECK_EQ(group_stream_next(&there, &f), 1);
			CHECK_EQ(f.kind, GROUP_DELIVER);
			CHECK_EQ(group_number_decode(f.payload), order);
		}
		CHECK_EQ(group_stream_next(&there, &f), 1);
		CHECK_EQ(f.kind, GROUP_QUORUM);
		CHECK_EQ(group_number_decode(f.payload), from == 9);
		CHECK_EQ(group_stream_next(&there, &f), 0);
	}
	group_stream_deinit(&here);
	CHECK_EQ(history_put(&history, &there, 9, true), -EPIPE);
	group_stream_deinit(&there);
}

int main(void)
{
	TEST(test_nothing);
	TEST(test_few);
	TEST(test_many);
	TEST(test_anew);
	TEST(test_put);
	return test_end();
}
