/* SPDX-License-Identifier: Apache-2.0 */
#include "core/recover.h"

#include "base/test.h"

static const struct recover_view at_home = {
	.has_binding = true, .is_bound = true, .is_here = true, .is_attached = true
};

/* The steps as letters: stop, take back, end, roll back. */
static int steps_of(const struct recover_view *view)
{
	struct recover_steps steps = recover_of(view);

	return steps.stop | steps.take_back << 1 | steps.end << 2 | steps.roll_back << 3;
}

#define STOP	  1
#define TAKE_BACK 2
#define END	  4
#define ROLL_BACK 8

static void test_nothing_happened(void)
{
	struct recover_view view = at_home;
	struct recover_view elsewhere = { .is_bound = true, .is_attached = true };

	CHECK_EQ(steps_of(&view), 0);
	CHECK_EQ(steps_of(&elsewhere), 0);
	CHECK_EQ(steps_of(&(struct recover_view){ .has_binding = false }), 0);
}

static void test_ended(void)
{
	struct recover_view view = at_home;

	view.is_ending = true;
	CHECK_EQ(steps_of(&view), END);
	view.is_moving = true; /* the unbind ends the move as well */
	CHECK_EQ(steps_of(&view), END);
	view.is_bound = false; /* the order has ended it meanwhile */
	CHECK_EQ(steps_of(&view), STOP);
}

/* The order bound it, and the process that was to have it is not known: a run or a bind that was cut short. */
static void test_never_bound(void)
{
	struct recover_view view = at_home;

	view.has_binding = false;
	CHECK_EQ(steps_of(&view), END);
}

static void test_source(void)
{
	struct recover_view view = at_home;

	view.is_moving = true;
	CHECK_EQ(steps_of(&view), ROLL_BACK);
	view.is_leaving = true;
	CHECK_EQ(steps_of(&view), TAKE_BACK | ROLL_BACK);
	view.is_moving = false; /* rolled back, and the far ends not given back */
	CHECK_EQ(steps_of(&view), TAKE_BACK);
	view.is_here = false; /* committed */
	CHECK_EQ(steps_of(&view), STOP);
}

static void test_target(void)
{
	struct recover_view view = at_home;

	view.has_binding = false;
	view.is_here = false;
	view.is_moving = true;
	CHECK_EQ(steps_of(&view), 0);
	view.is_here = true; /* committed */
	view.is_moving = false;
	CHECK_EQ(steps_of(&view), END);
}

static void test_by_hand(void)
{
	struct recover_view view = at_home;

	view.is_moving = view.is_by_hand = true;
	CHECK_EQ(steps_of(&view), 0);
	view = (struct recover_view){ .is_bound = true, .is_here = true };
	CHECK_EQ(steps_of(&view), 0); /* its process has yet to come */
}

int main(void)
{
	TEST(test_nothing_happened);
	TEST(test_ended);
	TEST(test_never_bound);
	TEST(test_source);
	TEST(test_target);
	TEST(test_by_hand);
	return test_end();
}
