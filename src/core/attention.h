/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_ATTENTION_H
#define DVS_CORE_ATTENTION_H

/*
 * How long a waiter looks at memory before it sleeps, for every waiter of ours: the calls of a program, the
 * daemon at its node bell, the workers of large copies. Sleeping and being woken on another CPU costs tens
 * of microseconds, so looking on for about as long pays if the other side runs on another CPU just now.
 *
 * No duration here is a constant of one machine. All of them are small multiples of three costs that the
 * daemon measures when it starts (os/costs.h) and publishes in the node bell page. The multiples are below,
 * in one table; they were chosen where the costs are 0.5, 2.8 and 18 us.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/assert.h"

struct node_bell;

struct attention_costs {
	uint32_t yield_ns;  /* a yield that finds nobody else */
	uint32_t switch_ns; /* a yield to another process that yields back */
	uint32_t wake_ns;   /* from a wake until the sleeper runs on another CPU */
};

/*
 * The costs that are assumed where nothing could be measured, and the bounds within which a page is believed.
 */
#define ATTENTION_COSTS_DEFAULT    \
	((struct attention_costs){ \
		.yield_ns = 500,   \
		.switch_ns = 3000, \
		.wake_ns = 20000,  \
	})
#define ATTENTION_YIELD_MIN_NS 20
#define ATTENTION_COST_MAX_NS  1000000

/* In order and in bounds: yield < switch <= wake or so, none 0, none beyond ATTENTION_COST_MAX_NS. */
struct attention_costs attention_costs_checked(struct attention_costs costs);

/* As published on this node. Any process may write there, so the values are read once and bounded. */
struct attention_costs attention_costs_of(const struct node_bell *bell);
void attention_costs_publish(struct node_bell *bell, struct attention_costs costs);

/*
 * The table of multiples.
 *
 * WANTED	a yield that took longer has let another process run: half way between the two kinds
 * CROWDED	a yield that took longer went to several processes, or to one that computes
 * OCCUPIED	yields that took longer in all: other programs hold the CPU for slices of the scheduler
 * BESIDE	spinning for a peer that runs on another CPU now and is about to answer
 * UNASKED	spinning before a yield asks whether another process wants the CPU: 1 part in 20
 * TALK		CPU time for each wait beyond which a process does not talk but works
 * LOCAL	looking on for a peer of this node: more than waking it takes, so that one side that looks
 *		on gets both to do so
 * FAR		the same for a peer on another node, with six threads on the way that may all sleep
 * SOON		what comes later than this after a sleep was not missed
 * FIRST, LEAST	of a span that adapts, see below; MOST: of one that is spent for a message
 * PART		a yield that took longer went to a program that computes: the other end of a copy works for
 *		as long on a part
 * COPY		most of a span that is spent for the next part, or the next copy, of somebody who makes many
 * DAEMON	the daemon's span at the node bell: the process that it rang may be waiting for its CPU
 * WARM		a node that spoke this recently may speak again at once
 * NAP		between two looks at a line whose change rings nobody
 * GRACE	what a call that must not wait gives a peer that is awake, to show that it is ready
 */
static inline int64_t attention_wanted_ns(const struct attention_costs *costs)
{
	return ((int64_t)costs->yield_ns + costs->switch_ns) / 2;
}
#define ATTENTION_CROWDED_NS(costs)  (4 * (int64_t)(costs)->switch_ns)
#define ATTENTION_OCCUPIED_NS(costs) (400 * (int64_t)(costs)->switch_ns)
#define ATTENTION_BESIDE_NS(costs)   (4 * (int64_t)(costs)->switch_ns)
#define ATTENTION_UNASKED_NS(costs)  (20 * (int64_t)(costs)->yield_ns)
#define ATTENTION_TALK_NS(costs)     (8 * (int64_t)(costs)->switch_ns)
#define ATTENTION_LOCAL_NS(costs)    (5 * (int64_t)(costs)->wake_ns)
#define ATTENTION_FAR_NS(costs)	     (16 * (int64_t)(costs)->wake_ns)
#define ATTENTION_SOON_NS(costs)     (50 * (int64_t)(costs)->wake_ns)
#define ATTENTION_FIRST_NS(costs)    (2 * (int64_t)(costs)->wake_ns)
#define ATTENTION_LEAST_NS(costs)    (2 * (int64_t)(costs)->yield_ns)
#define ATTENTION_MOST_NS(costs)     (6 * (int64_t)(costs)->wake_ns)
#define ATTENTION_PART_NS(costs)     (8 * (int64_t)(costs)->wake_ns)
#define ATTENTION_COPY_NS(costs)     (25 * (int64_t)(costs)->wake_ns)
#define ATTENTION_DAEMON_NS(costs)   (3 * (int64_t)(costs)->wake_ns)
#define ATTENTION_WARM_NS(costs)     (50 * (int64_t)(costs)->wake_ns)
#define ATTENTION_NAP_NS(costs)	     (25 * (int64_t)(costs)->wake_ns)
#define ATTENTION_GRACE_NS(costs)    (14 * (int64_t)(costs)->wake_ns)

/*
 * Whether to look on at all. Nothing tells whether the other side runs, so it is learned from the outcome:
 *
 *	it came during the look            keen: look on next time
 *	it came soon after the sleep began the CPU was missed elsewhere; after a few of these cold: sleep
 *	                                   at once, try again after a while
 *	it came much later                 says nothing: the other side had nothing to say
 *	another process wanted the CPU     the same as the second, whenever it comes: with more
 *	                                   processes than CPUs the look itself is what makes it late
 *
 * With one CPU for both it never comes during the look, which is soon given up.
 */
struct attention {
	uint32_t misses; /* in a row */
	uint32_t cold;	 /* waits left in which not to look on */
	uint32_t colder; /* the next such period; 0: never used */
};

#define ATTENTION_MISSES_MAX 4
#define ATTENTION_COLD_MIN   64
#define ATTENTION_COLD_MAX   4096

/* May this wait begin with looking on? */
static inline bool attention_begin(struct attention *attention)
{
	CORE_ASSERT(attention->cold <= ATTENTION_COLD_MAX);
	if (!attention->cold)
		return true;
	attention->cold--;
	return false;
}

static inline void attention_rewarded(struct attention *attention)
{
	attention->misses = 0;
	attention->colder = ATTENTION_COLD_MIN;
}

/* It did not come during the look; took_ns until it came, soon_ns is ATTENTION_SOON_NS. */
static inline void attention_missed(struct attention *attention, int64_t took_ns, int64_t soon_ns)
{
	CORE_ASSERT(attention->misses < ATTENTION_MISSES_MAX);
	CORE_ASSERT(attention->colder <= ATTENTION_COLD_MAX);
	if (took_ns > soon_ns || ++attention->misses < ATTENTION_MISSES_MAX)
		return;
	attention->misses = ATTENTION_MISSES_MAX - 1; /* one more miss then is enough */
	attention->cold = attention->colder ? attention->colder : ATTENTION_COLD_MIN;
	attention->colder =
		2 * attention->cold < ATTENTION_COLD_MAX ? 2 * attention->cold : ATTENTION_COLD_MAX;
}

/*
 * How long to look on where it pays more or less often: a span that grows with success and shrinks with
 * failure.
 */
struct attention_span {
	int64_t ns; /* 0: not used yet */
	int64_t most_ns;
};

/* most_ns: as long as it ever becomes. */
static inline void attention_span_begin(struct attention_span *span,
					const struct attention_costs *costs, int64_t most_ns)
{
	CORE_ASSERT(most_ns > 0);
	span->most_ns = most_ns;
	if (!span->ns)
		span->ns = ATTENTION_FIRST_NS(costs);
}

/* It came after took_ns: leave room for twice that. */
void attention_span_rewarded(struct attention_span *span, const struct attention_costs *costs,
			     int64_t took_ns);
void attention_span_missed(struct attention_span *span, const struct attention_costs *costs);

/* One look's pause for the other hyper-thread and the memory bus. */
static inline void attention_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("" ::: "memory");
#endif
}

#endif
