/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_IPC_PATIENCE_H
#define DVS_IPC_PATIENCE_H

/*
 * Whether to look at memory for a while before going to sleep. Sleeping and being woken on another CPU
 * costs tens of microseconds, so it pays to look on for about as long: if the other side runs on
 * another CPU just now. Nobody tells us that, so it is learned from what became of it:
 *
 *	it came while we looked            hot: look on next time
 *	it came soon after we slept        the CPU we looked on with was missed elsewhere; after a few
 *	                                   of these cold: sleep at once, try again after a while
 *	it came much later                 says nothing: nobody had anything for us
 *	somebody else wanted the CPU       the same as the second, whenever it comes: with more
 *	                                   processes than CPUs, looking on is what makes it late
 *
 * With one CPU for both it never comes while we look, and is soon left alone.
 */

#include <stdbool.h>
#include <stdint.h>

/* More than waking the other side takes, so that one side that looks on gets both to do so. */
#define PATIENCE_NS	    100000
/*
 * For a peer elsewhere: more than a call takes when every thread on its way sleeps and must be woken on
 * an idle CPU. So the first to look on sees its answer, and the others learn to look on from it.
 */
#define PATIENCE_FAR_NS	    300000
#define PATIENCE_SOON_NS    1000000
#define PATIENCE_MISSES_MAX 4
#define PATIENCE_COLD_MIN   64
#define PATIENCE_COLD_MAX   4096

struct patience {
	uint32_t misses; /* in a row */
	uint32_t cold;	 /* waits left in which not to look on */
	uint32_t colder; /* the next such period; 0: never used */
};

/* May this wait begin with looking on? */
static inline bool patience_begin(struct patience *patience)
{
	if (!patience->cold)
		return true;
	patience->cold--;
	return false;
}

static inline void patience_rewarded(struct patience *patience)
{
	patience->misses = 0;
	patience->colder = PATIENCE_COLD_MIN;
}

/* It did not come while we looked; took_ns until it came. */
static inline void patience_missed(struct patience *patience, int64_t took_ns)
{
	if (took_ns > PATIENCE_SOON_NS || ++patience->misses < PATIENCE_MISSES_MAX)
		return;
	patience->misses = PATIENCE_MISSES_MAX - 1; /* one more miss then is enough */
	patience->cold = patience->colder ? patience->colder : PATIENCE_COLD_MIN;
	patience->colder =
		2 * patience->cold < PATIENCE_COLD_MAX ? 2 * patience->cold : PATIENCE_COLD_MAX;
}

#endif
