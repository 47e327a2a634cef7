/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX timers on the CPU time of a thread that has made them, of several threads: each goes on with its own. */
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "victims/victim.h"

#define THREADS 3
#define FIRST_S 1000

static timer_t timers[THREADS];
static uint32_t asked, served[THREADS], made[THREADS];

static int64_t rest(timer_t timer)
{
	struct itimerspec left = { 0 };

	VICTIM_CHECK(timer_gettime(timer, &left) == 0);
	return left.it_value.tv_sec * 1000000000ll + left.it_value.tv_nsec;
}

static void make(int which)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	const struct itimerspec when = { { 0, 0 }, { FIRST_S, 0 } };

	VICTIM_CHECK(timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timers[which]) == 0 &&
		     timer_settime(timers[which], 0, &when, NULL) == 0);
}

/* Its own timer goes on with what it does. */
static void *serve(void *which)
{
	int own = (int)(intptr_t)which;

	make(own);
	__atomic_store_n(&made[own], 1, __ATOMIC_RELEASE);
	for (uint32_t round = 1;; round++) {
		while (__atomic_load_n(&asked, __ATOMIC_ACQUIRE) != round)
			victim_nap();
		int64_t before = rest(timers[own]);

		for (volatile int i = 0; i < 100000; i++)
			;
		if (rest(timers[own]) < before)
			__atomic_add_fetch(&served[own], 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static bool ask(uint32_t round)
{
	__atomic_store_n(&asked, round, __ATOMIC_RELEASE);
	for (int i = 1; i < THREADS; i++)
		if (!victim_counts(&served[i], round))
			return false;
	int64_t before = rest(timers[0]), left = rest(timers[0]);

	return left < before && left > (FIRST_S - 100) * 1000000000ll;
}

int main(void)
{
	uint32_t round = 0;

	victim_begin();
	make(0);
	for (int i = 1; i < THREADS; i++) {
		pthread_t thread;

		VICTIM_CHECK(pthread_create(&thread, NULL, serve, (void *)(intptr_t)i) == 0);
		VICTIM_CHECK(victim_counts(&made[i], 1));
	}
	VICTIM_CHECK(ask(++round));
	victim_ready();
	while (victim_moved())
		VICTIM_CHECK(ask(++round));
	return victim_end();
}
