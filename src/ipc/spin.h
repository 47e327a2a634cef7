/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_IPC_SPIN_H
#define DVS_IPC_SPIN_H

/*
 * Whether to look at memory for a while before going to sleep. Sleeping and being woken on another CPU
 * costs tens of microseconds, so it pays to look on for about as long: if the other side runs on
 * another CPU just now. Nobody tells us that, so it is learned from what became of it:
 *
 *	it came while we looked            hot: look on next time
 *	it came soon after we slept        the CPU we looked on with was missed elsewhere; after a few
 *	                                   of these cold: sleep at once, try again after a while
 *	it came much later                 says nothing: nobody had anything for us
 *
 * With one CPU for both sides looking on is never worth it.
 */

#include <stdbool.h>
#include <stdint.h>

#define SPIN_NS \
	100000 /* more than waking the other side takes, so that one side alone gets both hot */
#define SPIN_SOON_NS	1000000
#define SPIN_MISSES_MAX 4
#define SPIN_COLD_MIN	64
#define SPIN_COLD_MAX	2048

struct spin {
	uint32_t sleeps; /* counted, to look at the number of CPUs now and then */
	bool alone;	 /* one CPU */
	uint32_t misses; /* in a row */
	uint32_t cold;	 /* waits left in which not to look on */
	uint32_t colder; /* the next such period; 0: never used */
};

/* One look's pause for the other hyper-thread and the memory bus. */
static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("" ::: "memory");
#endif
}

/* May this wait begin with looking on? */
static inline bool spin_begin(struct spin *spin)
{
	if (!spin->cold)
		return true;
	spin->cold--;
	return false;
}

static inline void spin_succeeded(struct spin *spin)
{
	spin->misses = 0;
	spin->colder = SPIN_COLD_MIN;
}

/* It did not come while we looked; took_ns until it came. */
static inline void spin_missed(struct spin *spin, int64_t took_ns)
{
	if (took_ns > SPIN_SOON_NS || ++spin->misses < SPIN_MISSES_MAX)
		return;
	spin->misses = SPIN_MISSES_MAX - 1; /* one more miss then is enough */
	spin->cold = spin->colder;
	spin->colder = spin->colder < SPIN_COLD_MAX ? 2 * spin->colder : SPIN_COLD_MAX;
}

#endif
