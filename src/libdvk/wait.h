/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_LIBDVK_WAIT_H
#define DVS_LIBDVK_WAIT_H

/*
 * The one place where calls wait.
 *
 *	for (;;) {
 *		wait_begin(&wait);
 *		look; if it is there: done
 *		say in wait.word/seen and wait.news what would be worth another look
 *		r = wait_step(&wait);	0: look again; negative EDVS number: give up
 *	}
 *
 * A step may end for no reason, and does so after a move.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "libdvk/binding.h"

struct wait {
	struct binding *binding;
	int64_t deadline_ns; /* monotonic; < 0: none */
	int64_t nap_ns;	     /* longest sleep; 0: the usual bound */
	const _Atomic uint64_t
		*word[2]; /* a change of one is worth a look; NULL: unused. [0] is hot */
	uint64_t seen[2];
	/* The bell of the peer that is most likely to end it, while its channel is open; NULL: not known. */
	const struct bell_page *peer;
	bool news;	       /* so is news in the bell */
	bool any;	       /* dvk_wakeup ends it */
	bool brief;	       /* the caller must not wait: nor for another node to give it back */
	int64_t ring_in_ns;    /* of sleep until a ring is looked for; 0: never */
	int64_t ring_after_ns; /* the last such period */
	bool firm;	       /* retreating: neither signals, nor hold, nor wake-ups end it */
	int late;	       /* error when the deadline has passed: EDVSTIMEDOUT or EDVSAGAIN */
	/* the state that dvs ps shows while it waits */
	uint32_t flags;
	int getfrom, sendto;
	uint32_t seq; /* of the bell, read before the look */
};

/* timeout_ms < 0: without limit. 0: grace_ns, and then EDVSAGAIN. */
void wait_init(struct wait *wait, struct binding *binding, long timeout_ms, int64_t grace_ns);
/* Only one peer can end this wait: if it takes long, the daemon looks whether they wait in a ring. */
void wait_for_one(struct wait *wait);
void wait_begin(struct wait *wait);
/* EDVSTIMEDOUT, EDVSAGAIN, EDVSINTR, EDVSNOTBIND, EDVSSHUTDOWN, EDVSWOKENUP, EDVSLOCKED, or 0. */
int wait_step(struct wait *wait);

/* The deadline has passed: for loops whose other side may keep them from ever coming to wait. */
bool wait_is_over(const struct wait *wait);

/* There was something. If nobody had rung for it, the next sleeps are short. */
void wait_found(struct binding *binding);

/*
 * Before anything is taken or posted: 0; EDVSNOTBIND; waits while held, EDVSINTR ends that, and so does
 * the deadline (monotonic; < 0: none) with WAIT_E_LATE.
 */
#define WAIT_E_LATE 1
static inline int wait_gate(struct binding *binding, int64_t deadline_ns);
/* The same of a process that is held, was unbound, or has become another endpoint. */
int wait_at_gate(struct binding *binding, int64_t deadline_ns);
static inline uint32_t wait_is_held(const struct binding *binding)
{
	return atomic_load_explicit(&binding->status->hold, memory_order_acquire);
}

static inline bool wait_is_unbound(const struct binding *binding)
{
	return atomic_load_explicit(&binding->status->unbound, memory_order_relaxed) != 0;
}

/* It came out of a file as another endpoint (dvs restore --endpoint): all channels that it knew are dead. */
static inline bool wait_is_other(const struct binding *binding)
{
	return binding->status->p_nr != binding->p_nr;
}

static inline int wait_gate(struct binding *binding, int64_t deadline_ns)
{
	if (__builtin_expect(!wait_is_held(binding) && !wait_is_unbound(binding) &&
				     !wait_is_other(binding),
			     1))
		return 0;
	return wait_at_gate(binding, deadline_ns);
}
/* A wake-up or shutdown that was latched for us; taken. any: EDVSWOKENUP counts. */
int wait_latch(struct binding *binding, bool any);

#endif
