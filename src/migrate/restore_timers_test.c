/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of a process: with numbers that are asked for, and with numbers that are counted to. */
#include "migrate/restore.h"

#include <signal.h>
#include <time.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/restore_test.h"

#define RESTORE_IDS 77 /* PR_TIMER_CREATE_RESTORE_IDS */

static struct image_timer timers[] = {
	{ .id = 4,
	  .clock = CLOCK_MONOTONIC,
	  .signal = 34,
	  .notify = 4,
	  .tid = 9,
	  .value = 0x77,
	  .remaining_ns = 5,
	  .interval_s = 6 },
	{ .id = 1, .clock = CLOCK_REALTIME, .signal = 10 },
};

static int list(uint32_t count, bool can_choose)
{
	restore_begin();
	restore->picture.timer = timers;
	restore->picture.timer_count = count;
	restore->picture.process.itimer[1] = (struct image_itimer){ 1, 2, 0, 4 };
	restore->picture.process.itimer[2] = (struct image_itimer){ 1, 2, 0, 0 }; /* it is off */
	return restore_add_timers(restore, can_choose, &restore_refusal);
}

static void end(void)
{
	restore->picture.timer = NULL;
	restore->picture.timer_count = 0;
	restore_end();
}

static void check_first(uint32_t at)
{
	const struct call *call = restore_call(at, SYS_timer_create);
	const struct sigevent *event = restore_data(call->arg[1]);

	CHECK_EQ(call->arg[0], CLOCK_MONOTONIC);
	CHECK(event->sigev_signo == 34 && event->sigev_notify == 4 && event->_sigev_un._tid == 9 &&
	      event->sigev_value.sival_ptr == (void *)0x77);
	CHECK_EQ(*(const int32_t *)restore_data(call->arg[2]), 4);
}

static void check_set(uint32_t at)
{
	const struct call *call = restore_call(at, SYS_timer_settime);
	const struct itimerspec *when = restore_data(call->arg[2]);

	CHECK(call->arg[0] == 4 && call->arg[1] == 0);
	CHECK(when->it_value.tv_nsec == 5 && when->it_interval.tv_sec == 6);
}

static void test_none(void)
{
	for (int can_choose = 0; can_choose < 2; can_choose++) {
		CHECK_EQ(list(0, can_choose), 0);
		restore_call(0, SYS_setitimer);
		CHECK_EQ(restore->calls.count, 1);
		end();
	}
}

/* For the time of that only. */
static void test_chosen(void)
{
	CHECK_EQ(list(2, true), 0);
	CHECK_EQ(listed_prctl(&restore->calls, RESTORE_IDS), 0);
	CHECK_EQ(restore_call(0, SYS_prctl)->arg[1], 1);
	check_first(1);
	check_set(2);
	restore_call(3, SYS_timer_create); /* which is not set */
	CHECK_EQ(restore_call(4, SYS_prctl)->arg[0], RESTORE_IDS);
	CHECK_EQ(restore_call(4, SYS_prctl)->arg[1], 0);
	CHECK_EQ(restore_call(5, SYS_setitimer)->arg[0], 1);
	CHECK_EQ(restore->calls.count, 6);
	end();
}

/* In ascending order; the numbers between are made and given back, so that a wrong one is found out. */
static void test_counted(void)
{
	CHECK_EQ(list(2, false), 0);
	restore_call(0, SYS_timer_create);
	CHECK_EQ(restore_call(1, SYS_timer_delete)->arg[0], 0);
	CHECK_EQ(restore_call(2, SYS_timer_create)->arg[0], CLOCK_REALTIME);
	CHECK_EQ(restore_call(3, SYS_timer_getoverrun)->arg[0], 1);
	CHECK_EQ(restore_call(4, SYS_timer_create)->arg[0], CLOCK_MONOTONIC);
	CHECK_EQ(restore_call(5, SYS_timer_delete)->arg[0], 2);
	CHECK_EQ(restore_call(7, SYS_timer_delete)->arg[0], 3);
	check_first(8);
	CHECK_EQ(restore_call(9, SYS_timer_getoverrun)->arg[0], 4);
	check_set(10);
	CHECK_EQ(restore_call(11, SYS_setitimer)->arg[0], 1);
	CHECK_EQ(restore->calls.count, 12);
	for (uint32_t i = 0; i < 12; i++)
		CHECK_EQ(restore_call(i, (long)listed_at(&restore->calls, i)->number)->mode,
			 CALL_OK);
	end();
}

/* Numbers that the offer told nothing of, to which nobody counts; and those of a damaged image. */
static void test_refused(void)
{
	const struct image_timer good = timers[0];

	timers[0].id = IMAGE_TIMERS_COUNTED;
	CHECK_EQ(list(2, true), 0);
	end();
	CHECK(is_refusal(list(2, false), &restore_refusal, EDVSBUSY, "number above 65535"));
	end();
	timers[1].id = timers[0].id = 1;
	CHECK(is_refusal(list(2, false), &restore_refusal, EDVSIO, "two POSIX timers"));
	end();
	timers[0] = good;
}

int main(void)
{
	TEST(test_none);
	TEST(test_chosen);
	TEST(test_counted);
	TEST(test_refused);
	return test_end();
}
