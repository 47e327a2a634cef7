/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_THREAD_TIMERS_H
#define DVS_MIGRATE_THREAD_TIMERS_H

#include "migrate/calls.h"
#include "migrate/inventory.h"
#include "migrate/threads.h"

/*
 * POSIX timers on the CPU time of the thread that has made them (CLOCK_THREAD_CPUTIME_ID). The kernel does not tell
 * which thread that was. But the process stands, so that the time of no thread goes on but of the one that looks at the
 * timer: where its rest gets less between two looks, it is that thread's.
 */
#define CPU_CLOCK_SHIFT	    3
#define CPU_CLOCK_OF_THREAD 4
#define CPU_CLOCK_KIND	    3
#define CPU_CLOCK_NONE	    3 /* it is a descriptor's clock */

/* Whether a clock is the CPU time of the thread that has made the timer. */
bool thread_timers_is_own(int32_t clock);

/* The same kind of time, of the thread with this number in its pid namespace. */
int32_t thread_timers_clock_of(int32_t clock, int32_t vtid);

/*
 * Source: all threads stand and are borrowed. Gives each such timer of a process with several threads the clock of its
 * thread. 0 or a refusal: one that is not set does not go on for any thread.
 */
int thread_timers_find(struct calls *calls, const struct foothold *foothold,
		       const struct threads *threads, struct inventory *inventory,
		       struct refusal *refusal);

#endif
