/* SPDX-License-Identifier: Apache-2.0 */
#include "core/duty.h"

#include <string.h>

#include "base/test.h"

#define SOURCE 1
#define TARGET 2
#define OTHER  3

static uint32_t duties(enum directory_effect_kind kind, bool by_hand, int self, enum duty *duty)
{
	struct directory_effect effect = {
		.kind = (uint8_t)kind, .node = SOURCE, .target = TARGET, .by_hand = by_hand
	};

	memset(duty, 0, DUTIES_MAX * sizeof(*duty));
	return duty_of_move(&effect, self, duty);
}

static void test_by_hand(void)
{
	enum duty duty[DUTIES_MAX];

	CHECK_EQ(duties(EFFECT_MOVE_STARTED, true, SOURCE, duty), 1);
	CHECK_EQ(duty[0], DUTY_HOLD);
	CHECK_EQ(duties(EFFECT_MOVE_STARTED, true, OTHER, duty), 0);
	CHECK_EQ(duties(EFFECT_MOVE_ROLLED_BACK, true, SOURCE, duty), 3);
	CHECK_EQ(duty[0], DUTY_LET_GO);
	CHECK_EQ(duty[2], DUTY_OFFER);
	/* Held packets are handed over before anything is offered. */
	CHECK_EQ(duties(EFFECT_MOVE_COMMITTED, true, SOURCE, duty), 2);
	CHECK_EQ(duty[0], DUTY_HAND_OVER);
	CHECK_EQ(duty[1], DUTY_OFFER);
	CHECK_EQ(duties(EFFECT_MOVE_COMMITTED, true, TARGET, duty), 3);
	CHECK_EQ(duty[1], DUTY_PROMOTE);
	CHECK_EQ(duty[2], DUTY_OFFER);
	CHECK_EQ(duties(EFFECT_MOVE_COMMITTED, true, OTHER, duty), 1);
	CHECK_EQ(duty[0], DUTY_OFFER);
}

static void test_with_a_plan(void)
{
	enum duty duty[DUTIES_MAX];

	CHECK_EQ(duties(EFFECT_MOVE_STARTED, false, SOURCE, duty), 0);
	CHECK_EQ(duties(EFFECT_MOVE_STARTED, false, TARGET, duty), 1);
	CHECK_EQ(duty[0], DUTY_TELL_TARGET);
	CHECK_EQ(duties(EFFECT_MOVE_COMMITTED, false, SOURCE, duty), 2);
	CHECK_EQ(duty[0], DUTY_TELL_SOURCE);
	CHECK_EQ(duties(EFFECT_MOVE_COMMITTED, false, TARGET, duty), 3);
	CHECK_EQ(duty[0], DUTY_TELL_TARGET);
	CHECK_EQ(duties(EFFECT_MOVE_ROLLED_BACK, false, SOURCE, duty), 2);
	CHECK_EQ(duty[0], DUTY_TELL_SOURCE);
	CHECK_EQ(duties(EFFECT_MOVE_ROLLED_BACK, false, TARGET, duty), 2);
	CHECK_EQ(duties(EFFECT_MOVE_ROLLED_BACK, false, OTHER, duty), 1);
}

static void test_attach(void)
{
	CHECK_EQ(duty_of_attach(false, false), DUTY_ATTACH_TAKE_OVER);
	CHECK_EQ(duty_of_attach(false, true), DUTY_ATTACH_UNBIND);
	/* Said twice: it is what it was, even if that process has ended meanwhile. */
	CHECK_EQ(duty_of_attach(true, false), DUTY_ATTACH_NOTHING);
	CHECK_EQ(duty_of_attach(true, true), DUTY_ATTACH_NOTHING);
}

static void test_the_plan_of_several(void)
{
	for (int fellow = 0; fellow < 2; fellow++) {
		CHECK_EQ(duty_tells(EFFECT_MOVE_STARTED, fellow), PLAN_START_APPLIED);
		CHECK_EQ(duty_tells(EFFECT_MOVE_COMMITTED, fellow), PLAN_COMMIT_APPLIED);
		CHECK_EQ(duty_tells(EFFECT_MOVE_ROLLED_BACK, fellow), PLAN_ROLLED_BACK_APPLIED);
		CHECK_EQ(duty_tells(EFFECT_ENDPOINT_BOUND, fellow), 0);
	}
	CHECK_EQ(duty_tells(EFFECT_ENDPOINT_DEAD, false), PLAN_ENDPOINT_DEAD);
	CHECK_EQ(duty_tells(EFFECT_ENDPOINT_DEAD, true), 0);
	CHECK_EQ(duty_tells_of_end(false), PLAN_PROCESS_DIED);
	CHECK_EQ(duty_tells_of_end(true), PLAN_CANCELLED);
}

int main(void)
{
	TEST(test_by_hand);
	TEST(test_with_a_plan);
	TEST(test_attach);
	TEST(test_the_plan_of_several);
	return test_end();
}
