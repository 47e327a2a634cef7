/* SPDX-License-Identifier: Apache-2.0 */
#include "group/transfer.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"

static void test_what_comes_after_is_kept(void)
{
	struct transfer t = { 0 };

	CHECK_EQ(transfer_keep(&t, "early", 5, 100), 0); /* nobody was asked: it is in the state */
	CHECK_EQ(group_buffer_size(&t.later), 0);
	transfer_begin(&t, 3, 1, 40, 0);
	CHECK_EQ(transfer_keep(&t, "41", 2, 100), 0);
	CHECK_EQ(transfer_keep(&t, "42", 2, 100), 0);
	CHECK_EQ(transfer_take(&t, 3, 1, 40), 1);
	CHECK_EQ(group_buffer_size(&t.later), 4);
	CHECK(!memcmp(t.later.bytes + t.later.from, "4142", 4));
	CHECK_EQ(transfer_keep(&t, "43", 2, 100), 0); /* is delivered as to any other */
	CHECK_EQ(group_buffer_size(&t.later), 4);
	CHECK_EQ(transfer_take(&t, 3, 1, 40), 0); /* once */
	transfer_deinit(&t);
}

static void test_only_what_was_asked_for(void)
{
	struct transfer t = { 0 };

	CHECK_EQ(transfer_take(&t, 0, 0, 0), 0); /* nothing was */
	transfer_begin(&t, 3, 7, 40, 0);
	CHECK_EQ(transfer_take(&t, 4, 7, 40), 0);
	CHECK_EQ(transfer_take(&t, 3, 6, 40), 0);
	CHECK_EQ(transfer_take(&t, 3, 7, 39), -EBADMSG);
	CHECK_EQ(transfer_take(&t, 3, 7, 41), -EBADMSG);
	CHECK(t.asked);
	CHECK_EQ(transfer_take(&t, 3, 7, 40), 1);
	transfer_deinit(&t);
}

/* The first one leaves or is silent; its answer may still come, and what was kept for it is of no use. */
static void test_another_is_asked(void)
{
	struct transfer t = { 0 };

	transfer_begin(&t, 3, 1, 40, 1000);
	CHECK_EQ(transfer_keep(&t, "41", 2, 100), 0);
	CHECK(transfer_asks(&t, 3) && !transfer_asks(&t, 5));
	CHECK(!transfer_is_late(&t, 1500, 500));
	CHECK(transfer_is_late(&t, 1501, 500));
	transfer_begin(&t, 5, 2, 41, 2000);
	CHECK(!transfer_is_late(&t, 2500, 500));
	CHECK(!transfer_asks(&t, 3));
	CHECK_EQ(transfer_keep(&t, "42", 2, 100), 0);
	CHECK_EQ(transfer_take(&t, 3, 1, 40), 0);
	CHECK_EQ(transfer_take(&t, 5, 2, 41), 1);
	CHECK_EQ(group_buffer_size(&t.later), 2);
	CHECK(!memcmp(t.later.bytes + t.later.from, "42", 2));
	CHECK(!transfer_is_late(&t, 100000, 500));
	transfer_deinit(&t);
}

static void test_too_much(void)
{
	struct transfer t = { 0 };

	transfer_begin(&t, 0, 1, 0, 0);
	CHECK_EQ(transfer_keep(&t, "1234", 4, 6), 0);
	CHECK_EQ(transfer_keep(&t, "567", 3, 6), -ENOBUFS);
	CHECK_EQ(transfer_keep(&t, "56", 2, 6), 0);
	CHECK_EQ(group_buffer_size(&t.later), 6);
	transfer_deinit(&t);
	CHECK(!t.asked);
}

int main(void)
{
	TEST(test_what_comes_after_is_kept);
	TEST(test_only_what_was_asked_for);
	TEST(test_another_is_asked);
	TEST(test_too_much);
	return test_end();
}
