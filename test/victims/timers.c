/* SPDX-License-Identifier: Apache-2.0 */
/* Interval timers and POSIX timers keep their numbers, values and what is left of their time. */
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "victims/victim.h"

static volatile int fired_slow, fired_fast, slow_value;

static void on_fast(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	if (info->si_code == SI_TIMER)
		fired_fast++;
}

static void on_slow(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	fired_slow++;
	slow_value = info->si_value.sival_int;
}

static timer_t make(int clock, int signal, int value, long first_ms, long interval_ms)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal };
	struct itimerspec when = { { interval_ms / 1000, interval_ms % 1000 * 1000000 },
				   { first_ms / 1000, first_ms % 1000 * 1000000 } };
	timer_t timer;

	event.sigev_value.sival_int = value;
	VICTIM_CHECK(timer_create(clock, &event, &timer) == 0);
	VICTIM_CHECK(timer_settime(timer, 0, &when, NULL) == 0);
	return timer;
}

int main(void)
{
	struct sigaction fast = { .sa_sigaction = on_fast, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction slow = { .sa_sigaction = on_slow, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct itimerval real = { { 0, 0 }, { 500, 0 } }, profile = { { 3, 4000 }, { 900, 0 } },
			 now;
	struct itimerspec left;

	victim_begin();
	sigaction(SIGRTMIN, &fast, NULL);
	sigaction(SIGRTMIN + 1, &slow, NULL);
	timer_t gap = make(CLOCK_MONOTONIC, SIGRTMIN, 0, 100000, 0);
	timer_t ticking = make(CLOCK_MONOTONIC, SIGRTMIN, 1, 5, 5);
	timer_t waiting = make(CLOCK_REALTIME, SIGRTMIN + 1, 4711, 300000, 0);

	clockid_t own = 0, process = 0;
	VICTIM_CHECK(pthread_getcpuclockid(pthread_self(), &own) == 0 &&
		     clock_getcpuclockid(getpid(), &process) == 0);
	const timer_t cpu[] = {
		make(CLOCK_PROCESS_CPUTIME_ID, SIGRTMIN + 1, 0, 300000, 7000),
		make(CLOCK_THREAD_CPUTIME_ID, SIGRTMIN + 1, 0, 300000, 7000),
		make(own, SIGRTMIN + 1, 0, 300000, 7000),
		make(process, SIGRTMIN + 1, 0, 300000, 7000),
	};

	timer_delete(gap); /* leaves a hole among the numbers */
	setitimer(ITIMER_REAL, &real, NULL);
	setitimer(ITIMER_PROF, &profile, NULL);
	victim_ready();
	while (victim_moved()) {
		int before = fired_fast;

		for (int i = 0; i < 500 && fired_fast < before + 3; i++)
			victim_nap();
		VICTIM_CHECK(fired_fast >= before + 3);
		VICTIM_CHECK(timer_gettime(waiting, &left) == 0 && left.it_value.tv_sec > 200);
		VICTIM_CHECK(timer_gettime(ticking, &left) == 0 &&
			     left.it_interval.tv_nsec == 5000000);
		VICTIM_CHECK(timer_gettime(gap, &left) < 0);
		for (size_t i = 0; i < sizeof(cpu) / sizeof(cpu[0]); i++)
			VICTIM_CHECK(timer_gettime(cpu[i], &left) == 0 &&
				     left.it_value.tv_sec > 200 && left.it_interval.tv_sec == 7);
		VICTIM_CHECK(getitimer(ITIMER_REAL, &now) == 0 && now.it_value.tv_sec > 400);
		VICTIM_CHECK(getitimer(ITIMER_PROF, &now) == 0 && now.it_value.tv_sec > 800 &&
			     now.it_interval.tv_usec == 4000);
		VICTIM_CHECK(fired_slow == 0);
	}
	struct itimerspec soon = { { 0, 0 }, { 0, 1000000 } };

	timer_settime(waiting, 0, &soon, NULL);
	for (int i = 0; i < 200 && !fired_slow; i++)
		victim_nap();
	VICTIM_CHECK(fired_slow == 1 && slow_value == 4711);
	return victim_end();
}
