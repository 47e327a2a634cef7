/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include "base/test.h"

static void answered(struct tally *tally, int seq, int said_seq, int said_before, int said_count)
{
	tally_answered(tally, seq,
		       &(struct tally_answer){
			       .seq = said_seq, .seq_before = said_before, .count = said_count },
		       true, 1000);
}

static void test_clean(void)
{
	struct tally tally = TALLY_INIT;

	for (int seq = 1; seq <= 100; seq++)
		answered(&tally, seq, seq, seq - 1, seq);
	CHECK_EQ(tally.calls, 100);
	CHECK(tally_is_clean(&tally));
	CHECK_EQ(tally.total_ns, 100000);
}

static void test_failed_handled_or_not(void)
{
	struct tally tally = TALLY_INIT;

	answered(&tally, 1, 1, 0, 1);
	tally_failed(&tally, 5000);
	tally_failed(&tally, 6000);
	answered(&tally, 4, 4, 2, 3); /* the server had handled 2, not 3 */
	answered(&tally, 5, 5, 4, 4);
	CHECK_EQ(tally.failed, 2);
	CHECK_EQ(tally.lost + tally.duplicated + tally.reordered, 0);
	CHECK_EQ(tally.max_ns, 6000);
	CHECK(!tally_is_clean(&tally));
}

static void test_call_handled_twice(void)
{
	struct tally tally = TALLY_INIT;

	answered(&tally, 1, 1, 0, 1);
	answered(&tally, 2, 2, 2, 3); /* its second handling is what was answered */
	CHECK_EQ(tally.duplicated, 1);
	answered(&tally, 3, 3, 2, 5); /* 3 once, another one twice */
	CHECK_EQ(tally.duplicated, 2);
	CHECK_EQ(tally.lost + tally.reordered, 0);
}

static void test_answered_twice(void)
{
	struct tally tally = TALLY_INIT;

	answered(&tally, 1, 1, 0, 1);
	answered(&tally, 2, 1, 0, 1);
	CHECK_EQ(tally.duplicated, 1);
	CHECK_EQ(tally.lost + tally.reordered, 0);
}

static void test_server_forgot(void)
{
	struct tally tally = TALLY_INIT;

	for (int seq = 1; seq <= 5; seq++)
		answered(&tally, seq, seq, seq - 1, seq);
	answered(&tally, 6, 6, 3, 4); /* as it was two calls ago */
	CHECK_EQ(tally.lost, 2);
	CHECK_EQ(tally.duplicated + tally.reordered, 0);
}

static void test_out_of_order(void)
{
	struct tally tally = TALLY_INIT;

	answered(&tally, 1, 1, 0, 1);
	answered(&tally, 2, 7, 1, 2); /* the answer of a call not made yet */
	CHECK_EQ(tally.reordered, 1);
	answered(&tally, 3, 3, 9, 3); /* the server has seen later ones */
	CHECK_EQ(tally.reordered, 2);
}

static void test_corrupted(void)
{
	struct tally tally = TALLY_INIT;

	tally_answered(&tally, 1, &(struct tally_answer){ .seq = 1, .count = 1 }, false, 1);
	CHECK_EQ(tally.corrupted, 1);
	CHECK(!tally_is_clean(&tally));
}

int main(void)
{
	TEST(test_clean);
	TEST(test_failed_handled_or_not);
	TEST(test_call_handled_twice);
	TEST(test_answered_twice);
	TEST(test_server_forgot);
	TEST(test_out_of_order);
	TEST(test_corrupted);
	return test_end();
}
