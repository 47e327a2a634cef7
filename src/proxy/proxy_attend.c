/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Attention. Of the wakes that a remote call costs, the one of the thread that sleeps on the node
 * bell can be saved: who has just delivered a message is awake, and the answer often comes within
 * microseconds. So it takes over the bell for that long.
 *
 *	bell thread              the loop's thread              a process
 *	sleeping := 1
 *	waits on seq             delivers, rings             -> wakes
 *	  .                      sleeping := 0                  takes, answers
 *	  .                      looks at seq, yields           rings: seq++, nobody sleeps
 *	  .                      scans, sends
 *	  .                      sleeping := 1, looks at seq
 *	  .                      again, wakes the bell thread
 *	                         if it has changed
 *
 * It yields now and then, because on few CPUs the process that is to answer may be waiting for this
 * very one. How long it looks adapts: less if nothing came, more if something came soon after.
 */

#include <stdatomic.h>

#include "os/clock.h"
#include "os/futex.h"
#include "os/thread.h"
#include "proxy/proxy_table.h"

/* Yields: soon for the process that was rung, then rarely, because a yield may be a long one. */
#define LOOKS_FIRST	 8
#define LOOKS_PER_YIELD	 50
/* Not longer: who was rung may be waiting for this very CPU, and a yield does not always help him. */
#define ATTENTION_MAX_NS 40000

static bool rung(const struct node_bell *bell, uint32_t seen)
{
	return atomic_load_explicit(&bell->seq, memory_order_acquire) != seen;
}

/* True if the bell was rung before the attention was used up. */
static bool look_on(struct proxy *proxy, const struct node_bell *bell)
{
	struct spin *spin = &proxy->attention;
	uint32_t seen = proxy->bell_seen;
	int64_t begin = os_now_ns(), now = begin;
	int looks = LOOKS_FIRST;

	while (now - begin < spin->budget_ns) {
		for (int i = 0; i < looks; i++) {
			if (rung(bell, seen)) {
				spin_succeeded(spin, now - begin);
				return true;
			}
			spin_pause();
		}
		os_thread_yield();
		looks = LOOKS_PER_YIELD;
		now = os_now_ns();
	}
	spin_failed(spin);
	return rung(bell, seen);
}

void proxy_attend_late(struct proxy *proxy)
{
	int64_t took;

	if (proxy->attending || !proxy->delivered_ns)
		return;
	took = os_now_ns() - proxy->delivered_ns;
	proxy->delivered_ns = 0;
	if (took < ATTENTION_MAX_NS)
		proxy->late_ns = (int32_t)took;
}

void proxy_attend_begin(struct proxy *proxy)
{
	struct node_bell *bell = exchange_node_bell(proxy->exchange);

	if (proxy->attending)
		return;
	if (proxy->late_ns)
		spin_succeeded(&proxy->attention, proxy->late_ns);
	if (proxy->attention.budget_ns > ATTENTION_MAX_NS)
		proxy->attention.budget_ns = ATTENTION_MAX_NS;
	proxy->late_ns = 0;
	proxy->delivered_ns = 0;
	proxy->bell_seen = atomic_load(&bell->seq);
	/* If nobody sleeps there, somebody looks already. */
	proxy->attending = atomic_exchange(&bell->sleeping, 0) != 0;
}

void proxy_attend(void *ctx)
{
	struct proxy *proxy = ctx;
	struct node_bell *bell = exchange_node_bell(proxy->exchange);
	int64_t begin_ns;
	bool heard;

	if (!proxy->attending)
		return;
	if (!proxy->attention.budget_ns)
		proxy->attention.budget_ns = SPIN_START_NS;
	begin_ns = proxy->delivered ? os_now_ns() : 0;
	heard = rung(bell, proxy->bell_seen) || (proxy->delivered && look_on(proxy, bell));
	os_loop_lock(proxy->loop);
	if (heard) {
		proxy->bell_seen = atomic_load(&bell->seq);
		proxy_scan(proxy);
	}
	proxy->delivered_ns = heard ? 0 : begin_ns;
	proxy->delivered = false;
	proxy->attending = false;
	os_loop_unlock(proxy->loop);
	/* Partner: the ringer counts seq up, then looks at sleeping. */
	atomic_store(&bell->sleeping, 1);
	if (rung(bell, proxy->bell_seen))
		os_futex_wake(&bell->seq, 1);
}
