/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks of CPU time as the C library and the kernel number them; timers of a child with one thread. */
#include "migrate/thread_timers.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"
#include "migrate/held_test.h"

static struct held held;

static void test_clocks(void)
{
	clockid_t own = 0, process = 0;

	CHECK_EQ(pthread_getcpuclockid(pthread_self(), &own), 0);
	CHECK_EQ(clock_getcpuclockid(getpid(), &process), 0);
	CHECK(thread_timers_is_own(-2)); /* which the kernel makes of CLOCK_THREAD_CPUTIME_ID */
	CHECK(!thread_timers_is_own(own) && !thread_timers_is_own(process));
	CHECK(!thread_timers_is_own(CLOCK_THREAD_CPUTIME_ID) && !thread_timers_is_own(-6));
	CHECK(!thread_timers_is_own(-1)); /* of a descriptor */
	CHECK_EQ(thread_timers_clock_of(-2, gettid()), own);
	CHECK(!thread_timers_is_own(thread_timers_clock_of(-2, 1)));
}

static void have_timers(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	const struct itimerspec when = { { 0, 0 }, { 1000, 0 } };
	timer_t timer;

	timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer);
	timer_settime(timer, 0, &when, NULL);
	timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer);
	held_stay();
}

/* As if it were one of two threads, of which the other one was not looked at. */
static void test_find(void)
{
	struct tracee tracees[2];
	int32_t vtids[2] = { 7, 9 };
	struct image_timer timer = { .id = 0, .clock = -2 };

	if (!held_begin(&held, have_timers))
		return;
	tracees[0] = tracees[1] = held.tracee;
	const struct threads threads = { .tracee = tracees, .vtid = vtids, .count = 2 };

	held.inventory.timer = &timer;
	held.inventory.timer_count = 1;
	CHECK_EQ(thread_timers_find(&held.calls, &held.foothold, &threads, &held.inventory,
				    &held.refusal),
		 0);
	CHECK_EQ(timer.clock, thread_timers_clock_of(-2, 7));
	/* One that is not set does not go on for either. */
	timer = (struct image_timer){ .id = 1, .clock = -2 };
	CHECK(thread_timers_find(&held.calls, &held.foothold, &threads, &held.inventory,
				 &held.refusal) < 0);
	CHECK(strstr(held.refusal.reason, "is not set"));
	held.inventory.timer = NULL;
	held.inventory.timer_count = 0;
	held_end(&held);
}

int main(void)
{
	TEST(test_clocks);
	TEST(test_find);
	return test_end();
}
