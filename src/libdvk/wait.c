/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Waiting: look on for a while, then sleep on the own bell.
 *
 *	sleeper                                ringer
 *	seq := bell.seq                        change the line
 *	look                                   (set the news bit)
 *	sleeping := 1                          fence
 *	fence                                  if (sleeping)
 *	look again                                  bell.seq++, wake
 *	wait while bell.seq == seq
 *
 * Either the ringer sees `sleeping`, and then seq has changed or the wake arrives, or the second look
 * sees what the ringer changed. Because seq is read before the first look, this also holds if the
 * process is stopped between any two of these lines and goes on with other pages on another node:
 * there the daemon counts the bell once more before it lets the process run, and the wait ends at once.
 *
 * Every sleep is bounded. After a full one all channels count as having news, so that even a
 * daemon that died between two stores costs a second and not a hang. If there was something, a ring
 * was lost: each peer that we talk with can write into our bell, and one of them may do so all the time. Then
 * the sleeps are short for a while.
 */

#include "libdvk/wait.h"

#include <errno.h>

#include "dvk.h"
#include "libdvk/binding.h"
#include "libdvk/channel.h"
#include "libdvk/look.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/thread.h"

#define NAP_MAX_NS	  OS_SECOND_NS
#define NAP_DISTRUST_NS	  (2 * OS_MS_NS)
#define DISTRUST_SLEEPS	  2000
/* Until then most waits are over, and one that is not can wait for the daemon to look at it. */
#define RING_SUSPECT_NS	  (20 * OS_MS_NS)
#define RING_AGAIN_FACTOR 8

void wait_init(struct wait *wait, struct binding *binding, long timeout_ms, int64_t grace_ns)
{
	/* One by one: a compiler clears a struct of this size by a string instruction, which takes longer to begin. */
	wait->binding = binding;
	wait->deadline_ns = timeout_ms == 0 ? os_now_ns() + grace_ns : os_deadline_ns(timeout_ms);
	wait->nap_ns = 0;
	wait->peer = NULL;
	wait->news = false;
	wait->any = false;
	wait->brief = timeout_ms == 0;
	wait->ring_in_ns = 0;
	wait->ring_after_ns = 0;
	wait->firm = false;
	wait->late = timeout_ms == 0 ? EDVSAGAIN : EDVSTIMEDOUT;
	wait->flags = 0;
	wait->getfrom = NONE;
	wait->sendto = NONE;
}

void wait_for_one(struct wait *wait)
{
	wait->ring_in_ns = wait->ring_after_ns = RING_SUSPECT_NS;
}

void wait_begin(struct wait *wait)
{
	/* Acquire: the look comes after. */
	wait->seq = atomic_load_explicit(&wait->binding->bell->seq, memory_order_acquire);
	wait->word[0] = NULL;
	wait->word[1] = NULL;
}

int wait_latch(struct binding *binding, bool any)
{
	int32_t latch = atomic_load_explicit(&binding->status->latch, memory_order_relaxed);

	if (!latch || (latch == EDVSWOKENUP && !any))
		return 0;
	return atomic_exchange(&binding->status->latch, 0);
}

/* The daemon has found this very wait to be one of a ring, and us to be the one to give way. */
static bool is_locked(const struct wait *wait)
{
	const struct status_page *status = wait->binding->status;
	uint64_t locked = atomic_load_explicit(&status->locked, memory_order_relaxed);

	return locked && wait->ring_in_ns &&
	       locked == atomic_load_explicit(&status->waits, memory_order_relaxed);
}

/* Is there a reason for another look? the sleeper's second look. */
static bool is_worth(const struct wait *wait)
{
	int32_t latch;

	if (look_changed(wait, 0) || look_changed(wait, 1) || look_news(wait))
		return true;
	if (wait->firm)
		return false;
	latch = atomic_load_explicit(&wait->binding->status->latch, memory_order_relaxed);
	return wait_is_held(wait->binding) || wait_is_unbound(wait->binding) || is_locked(wait) ||
	       (latch && (wait->any || latch != EDVSWOKENUP));
}

static void all_have_news(struct binding *binding)
{
	for (int i = 0; i < SHM_NEWS_WORDS; i++)
		binding->news[i] |=
			atomic_load_explicit(&binding->status->peers[i], memory_order_relaxed);
}

static int futex_sleep(struct binding *binding, uint32_t seq, int64_t until_ns)
{
	uint32_t misc = atomic_load_explicit(&binding->status->misc_flags, memory_order_relaxed);
	bool blocked = (misc & MIS_USERMODE) != 0;
	sigset_t kept;
	int r;

	if (blocked)
		os_signals_block_timers(&kept);
	r = os_futex_wait(&binding->bell->seq, seq, until_ns);
	if (blocked)
		os_signals_restore(&kept);
	return r;
}

/*
 * A request that is taken and being served is no news for its sender: nobody rings for that. A line that was only
 * sent on counts, because its receiver may be on the move, and short sleeps then shorten the wait for it.
 */
static bool is_news(const struct wait *wait, int i)
{
	uint64_t now;

	if (!look_changed(wait, i))
		return false;
	now = atomic_load_explicit(wait->word[i], memory_order_relaxed);
	return line_word_seq(now) != line_word_seq(wait->seen[i]) || !line_word_is_owed(now);
}

bool wait_is_over(const struct wait *wait)
{
	return wait->deadline_ns >= 0 && os_now_ns() >= wait->deadline_ns;
}

void wait_found(struct binding *binding)
{
	if (binding->overdue)
		binding->distrust = DISTRUST_SLEEPS;
	binding->overdue = false;
}

static int64_t nap_of(const struct wait *wait)
{
	DVK_ASSERT(wait->nap_ns >= 0);
	DVK_ASSERT(wait->ring_in_ns >= 0);
	if (wait->nap_ns)
		return wait->nap_ns;
	if (wait->binding->distrust)
		return NAP_DISTRUST_NS;
	return wait->ring_in_ns && wait->ring_in_ns < NAP_MAX_NS ? wait->ring_in_ns : NAP_MAX_NS;
}

/*
 * Slept for long. The process that closes a ring asks when all of it is there, so once is enough as a rule;
 * again, and ever more rarely, because somebody may have been on the move. Nobody waits for the daemon's
 * answer: if there is a ring it says so in `locked` and wakes whom it concerns.
 */
static void suspect_ring(struct wait *wait, int64_t slept_ns)
{
	DVK_ASSERT(wait->ring_in_ns > 0);
	DVK_ASSERT(wait->ring_after_ns >= RING_SUSPECT_NS);
	wait->ring_in_ns -= slept_ns;
	if (wait->ring_in_ns > 0)
		return;
	wait->ring_after_ns *= RING_AGAIN_FACTOR;
	wait->ring_in_ns = wait->ring_after_ns;
	atomic_store_explicit(&wait->binding->status->asks, 1, memory_order_relaxed);
	channel_ring_daemon(wait->binding);
}

/*
 * A move interrupts the system call as a signal would. Then the node has changed, and the program
 * must not hear of it.
 */
static bool is_signal(const struct binding *binding, int r, int32_t node_before)
{
	return r == -EINTR &&
	       atomic_load_explicit(&binding->status->nodeid, memory_order_relaxed) == node_before;
}

static int sleep_step(struct wait *wait, int64_t begin_ns)
{
	struct binding *binding = wait->binding;
	struct bell_page *bell = binding->bell;
	int32_t node = atomic_load_explicit(&binding->status->nodeid, memory_order_relaxed);
	int64_t nap = nap_of(wait);
	int64_t until = begin_ns + nap;
	bool bounded = wait->deadline_ns >= 0 && wait->deadline_ns < until;
	int r = 0;

	binding_entered_assert(binding);
	atomic_store_explicit(&bell->sleeping, 1, memory_order_relaxed);
	/* Partner: the fence of every ringer between its change and its look at `sleeping`. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!is_worth(wait)) {
		look_give_cpu(binding, begin_ns);
		r = futex_sleep(binding, wait->seq, bounded ? wait->deadline_ns : until);
		look_got_cpu(binding, os_now_ns());
		look_learn(binding);
	}
	atomic_store_explicit(&bell->sleeping, 0, memory_order_relaxed);
	binding->overdue = r == -ETIMEDOUT && !bounded && !wait->nap_ns;
	if (binding->overdue)
		all_have_news(binding);
	if (is_news(wait, 0) || is_news(wait, 1))
		wait_found(binding);
	if (binding->distrust)
		binding->distrust--;
	if (r == -ETIMEDOUT && !bounded && wait->ring_in_ns)
		suspect_ring(wait, nap);
	return !wait->firm && is_signal(binding, r, node) ? EDVSINTR : 0;
}

int wait_step(struct wait *wait)
{
	struct binding *binding = wait->binding;
	struct attention *missed = NULL;
	int64_t begin;
	int r;

	if (!wait->firm) {
		r = wait_gate(binding, wait->deadline_ns);
		if (r == WAIT_E_LATE)
			return wait->late;
		if (!r)
			r = wait_latch(binding, wait->any);
		if (r)
			return r;
		binding_show(binding, wait->flags, wait->getfrom, wait->sendto);
		if (__builtin_expect(is_locked(wait), 0))
			return EDVSLOCKED;
	}
	if (look_on(wait, &missed))
		return 0;
	begin = os_now_ns();
	if (wait->deadline_ns >= 0 && begin >= wait->deadline_ns)
		return is_worth(wait) ? 0 : wait->late;
	r = sleep_step(wait, begin);
	if (missed)
		look_missed(binding, missed, os_now_ns() - begin);
	return r;
}

/* Stopped for a move by hand: until the daemon says go on, a signal comes, or the time is over. */
static int wait_while_held(struct binding *binding, int64_t deadline_ns)
{
	struct bell_page *bell = binding->bell;
	_Atomic uint32_t *flags = &binding->status->rts_flags;
	uint32_t shown = atomic_load_explicit(flags, memory_order_relaxed);
	int result = 0;

	binding_entered_assert(binding);
	/* Only looked at by people, who are to see that it has stopped. */
	atomic_store_explicit(flags, shown | MIGRATING, memory_order_relaxed);
	while (!result && wait_is_held(binding) && !wait_is_unbound(binding)) {
		uint32_t seq = atomic_load_explicit(&bell->seq, memory_order_acquire);
		int32_t node = atomic_load_explicit(&binding->status->nodeid, memory_order_relaxed);
		int64_t until = os_now_ns() + NAP_MAX_NS;
		int r = 0;

		if (deadline_ns >= 0 && deadline_ns < until)
			until = deadline_ns;
		atomic_store_explicit(&bell->sleeping, 1, memory_order_relaxed);
		/* Partner: the daemon clears hold, counts the bell, then looks at `sleeping`. */
		atomic_thread_fence(memory_order_seq_cst);
		if (wait_is_held(binding))
			r = futex_sleep(binding, seq, until);
		atomic_store_explicit(&bell->sleeping, 0, memory_order_relaxed);
		if (is_signal(binding, r, node))
			result = EDVSINTR;
		else if (deadline_ns >= 0 && os_now_ns() >= deadline_ns && wait_is_held(binding))
			result = WAIT_E_LATE;
	}
	atomic_store_explicit(flags, shown, memory_order_relaxed);
	return result;
}

int wait_at_gate(struct binding *binding, int64_t deadline_ns)
{
	int r;

	if (wait_is_held(binding)) {
		r = wait_while_held(binding, deadline_ns);
		if (r)
			return r;
	}
	if (wait_is_other(binding)) {
		binding->p_nr = binding->status->p_nr;
		binding->life = binding->status->endpoint;
	}
	return wait_is_unbound(binding) ? EDVSNOTBIND : 0;
}
