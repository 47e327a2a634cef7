/* SPDX-License-Identifier: Apache-2.0 */
#include "core/keep.h"

#include "base/test.h"

static const struct keep_end killed = { .was_killed = true, .left_state = true };

static void test_by_itself(void)
{
	struct keep keep = { .deaths = 0 };
	struct keep_end end = { .left_state = true };

	CHECK(!keep_another(&keep, &end, 1));
}

static void test_without_state(void)
{
	struct keep keep = { .deaths = 0 };
	struct keep_end end = { .was_killed = true };

	CHECK(!keep_another(&keep, &end, 1));
}

static void test_while_stopping(void)
{
	struct keep keep = { .deaths = 0 };
	struct keep_end end = killed;

	end.is_stopping = true;
	CHECK(!keep_another(&keep, &end, 1));
}

static void test_too_often(void)
{
	struct keep keep = { .deaths = 0 };

	for (int i = 0; i < KEEP_DEATHS_MAX - 1; i++)
		CHECK(keep_another(&keep, &killed, i * 10));
	CHECK(!keep_another(&keep, &killed, KEEP_WINDOW_NS - 1));
	/* The first of them is forgotten by then, and the second not yet at the next. */
	CHECK(keep_another(&keep, &killed, KEEP_WINDOW_NS));
	CHECK(!keep_another(&keep, &killed, KEEP_WINDOW_NS + 9));
	CHECK(keep_another(&keep, &killed, KEEP_WINDOW_NS + 10));
}

static void test_now_and_then(void)
{
	struct keep keep = { .deaths = 0 };

	for (int i = 0; i < 50; i++)
		CHECK(keep_another(&keep, &killed, i * (KEEP_WINDOW_NS / (KEEP_DEATHS_MAX - 1))));
}

int main(void)
{
	TEST(test_by_itself);
	TEST(test_without_state);
	TEST(test_while_stopping);
	TEST(test_too_often);
	TEST(test_now_and_then);
	return test_end();
}
