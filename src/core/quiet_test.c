/* SPDX-License-Identifier: Apache-2.0 */
#include "core/quiet.h"

#include "base/test.h"

static void test_each_stands_in_the_way(void)
{
	const struct quiet_view views[] = {
		[QUIET_NONE] = { .is_moving = false },
		[QUIET_MOVE] = { .is_moving = true },
		[QUIET_PROPOSAL] = { .has_proposal = true },
		[QUIET_EMPTYING] = { .is_emptied = true },
		[QUIET_COPY] = { .is_copying = true },
		[QUIET_INIT] = { .asks_init = true },
		[QUIET_WARNING] = { .warns = true },
		[QUIET_REQUEST] = { .serves = true },
		[QUIET_NODE] = { .asks_node = true },
	};

	for (int i = 0; i <= QUIET_NODE; i++)
		CHECK_EQ(quiet_find(&views[i]), i);
}

/* The sentence for people is about the thing that takes longest. */
static void test_their_order(void)
{
	struct quiet_view view = { true, true, true, true, true, true, true, true };

	CHECK_EQ(quiet_find(&view), QUIET_MOVE);
	view.is_moving = false;
	CHECK_EQ(quiet_find(&view), QUIET_PROPOSAL);
	view = (struct quiet_view){ .serves = true, .asks_node = true, .asks_init = true };
	CHECK_EQ(quiet_find(&view), QUIET_INIT);
}

static void test_what_is_waited_for(void)
{
	CHECK_EQ(quiet_next(QUIET_NONE, false), QUIET_GO);
	CHECK_EQ(quiet_next(QUIET_NONE, true), QUIET_GO);
	for (int i = QUIET_MOVE; i <= QUIET_NODE; i++) {
		bool is_long = i == QUIET_MOVE || i == QUIET_EMPTYING;

		CHECK_EQ(quiet_next((enum quiet_obstacle)i, false),
			 is_long ? QUIET_GIVE_UP : QUIET_LOOK_AGAIN);
		CHECK_EQ(quiet_next((enum quiet_obstacle)i, true), QUIET_GIVE_UP);
	}
}

int main(void)
{
	TEST(test_each_stands_in_the_way);
	TEST(test_their_order);
	TEST(test_what_is_waited_for);
	return test_end();
}
