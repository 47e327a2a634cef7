/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_LIBDVK_LOOK_H
#define DVS_LIBDVK_LOOK_H

/*
 * Looking on: the part of a wait before its sleep, in memory alone and never for long. The way depends on the
 * place of the peer that is waited for:
 *
 *	runs on another CPU now        spin: it is about to answer, and both keep their CPUs
 *	anywhere, and nobody wants     spin, asking now and then by a yield whether that is still so
 *	this CPU
 *	waits for a CPU, this perhaps  yield: cheaper than a sleep and the wake that it then owes
 *	on another node                spin and yield in turn, so that the daemon comes to run; sleep
 *	                               if it already looks on, and on this CPU, with few others
 *
 * A bell says which CPU its holder runs on, so two that happen to run at once go on together for as
 * long as they are let, however many others there are, and part when one of them has lost its CPU.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "libdvk/binding.h"
#include "libdvk/wait.h"

/* True if there is something. *missedp: the attention with which we looked on for it in vain. */
bool look_on(struct wait *wait, struct attention **missedp);
/* It came took_ns after that. */
void look_missed(const struct binding *binding, struct attention *missed, int64_t took_ns);

/* Reads the costs of this machine: at the start, every few waits, and after a sleep, during which we may have moved. */
void look_learn(struct binding *binding);

/* Around everything that lets somebody else have our CPU. */
void look_give_cpu(struct binding *binding, int64_t now_ns);
void look_got_cpu(struct binding *binding, int64_t now_ns);

/* The wait's word i is not what it was when we looked. */
static inline bool look_changed(const struct wait *wait, int i)
{
	return wait->word[i] &&
	       atomic_load_explicit(wait->word[i], memory_order_acquire) != wait->seen[i];
}

static inline bool look_news(const struct wait *wait)
{
	const struct bell_page *bell = wait->binding->bell;
	uint64_t news = 0;

	if (!wait->news)
		return false;
	for (int i = 0; i < SHM_NEWS_WORDS; i++)
		news |= atomic_load_explicit(&bell->news[i], memory_order_relaxed);
	return news != 0;
}

#endif
