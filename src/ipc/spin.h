/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_IPC_SPIN_H
#define DVS_IPC_SPIN_H

/*
 * How long to look at memory before going to sleep. Sleeping and being woken on another CPU costs
 * tens of microseconds, so it pays to look on for about as long; not where the looked-for change
 * rarely comes in time.
 */

#include <stdint.h>

struct spin {
	int32_t budget_ns; /* 0: not set yet */
};

#define SPIN_START_NS 30000
#define SPIN_MIN_NS   1000
#define SPIN_MAX_NS   120000

/* One look's pause for the other hyper-thread and the memory bus. */
static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("" ::: "memory");
#endif
}

/* It came after took_ns of looking: leave room for twice that. */
static inline void spin_succeeded(struct spin *spin, int64_t took_ns)
{
	if (2 * took_ns > spin->budget_ns)
		spin->budget_ns = 2 * took_ns < SPIN_MAX_NS ? (int32_t)(2 * took_ns) : SPIN_MAX_NS;
	else if (spin->budget_ns < SPIN_START_NS)
		spin->budget_ns += spin->budget_ns / 4 + 1;
}

static inline void spin_failed(struct spin *spin)
{
	spin->budget_ns -= spin->budget_ns / 8;
	if (spin->budget_ns < SPIN_MIN_NS)
		spin->budget_ns = SPIN_MIN_NS;
}

#endif
