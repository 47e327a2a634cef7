/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The bell thread sleeps on the node bell; it takes the lock only to look at the bells that rang.
 *
 * Any process of the node may write into that page what it likes. So
 *
 *	nobody sleeps, nothing rang    every sleep is bounded, and after a full one all channels are
 *	                               looked at. If there was something, somebody's ring was lost:
 *	                               for some time the sleeps are short
 *	it rings without end           after some rings in a row that brought nothing, a short pause
 */

#include "node/watch.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>

#include "node/copy/copy.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/lock.h"
#include "os/thread.h"
#include "os/threads.h"
#include "pages/exchange.h"
#include "proxy/proxy.h"

#define NAP_NS		OS_SECOND_NS
#define NAP_DISTRUST_NS OS_MS_NS
#define DISTRUST_NS	(10 * OS_SECOND_NS)
#define EMPTY_MAX	64
#define EMPTY_PAUSE_NS	OS_MS_NS

int64_t watch_nap_ns(const struct watch_rule *rule, int64_t now_ns)
{
	return now_ns < rule->distrust_until_ns ? NAP_DISTRUST_NS : NAP_NS;
}

void watch_looked(struct watch_rule *rule, bool brought)
{
	rule->empty = brought ? 0 : rule->empty + 1;
}

void watch_swept(struct watch_rule *rule, bool brought, int64_t now_ns)
{
	assert(rule->overdue);
	rule->swept_ns = now_ns;
	if (brought)
		rule->distrust_until_ns = now_ns + DISTRUST_NS;
}

void watch_slept(struct watch_rule *rule, bool to_the_end)
{
	rule->overdue = to_the_end;
	if (to_the_end)
		rule->empty = 0;
}

int64_t watch_pause_ns(const struct watch_rule *rule)
{
	return rule->empty < EMPTY_MAX ? 0 : EMPTY_PAUSE_NS;
}

void watch_paused(struct watch_rule *rule, int64_t now_ns)
{
	/* It never sleeps for long enough, and rings may be lost all the same. */
	rule->overdue = rule->overdue || now_ns - rule->swept_ns > NAP_DISTRUST_NS;
}

/* The news that rings have brought so far. */
static uint64_t brought(const struct watch *watch)
{
	return proxy_told(watch->proxy) + watch->copies->asked;
}

static void look(const struct watch *watch, struct watch_rule *rule)
{
	uint64_t before;

	os_lock_take(watch->lock);
	before = brought(watch);
	proxy_scan(watch->proxy);
	watch_looked(rule, brought(watch) != before);
	if (rule->overdue) {
		before = brought(watch);
		proxy_scan_all(watch->proxy);
		copy_look(watch->copies);
		watch_swept(rule, brought(watch) != before, os_now_ns());
	}
	os_lock_release(watch->lock);
}

static void sleep_on(struct node_bell *bell, uint32_t seq, struct watch_rule *rule)
{
	int64_t now = os_now_ns();
	int r = 0;

	atomic_store(&bell->sleeping, 1);
	/* Partner: the ringer counts seq up, then looks at sleeping. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&bell->seq) == seq)
		r = os_futex_wait(&bell->seq, seq, now + watch_nap_ns(rule, now));
	atomic_store(&bell->sleeping, 0);
	watch_slept(rule, r == -ETIMEDOUT);
}

static void *run(void *arg)
{
	const struct watch *watch = arg;
	struct node_bell *bell = exchange_node_bell(watch->exchange);
	struct watch_rule rule = { 0 };

	assert(!os_lock_is_held());
	/* The requests that the daemon was sent before it executed itself anew. */
	os_lock_take(watch->lock);
	copy_look(watch->copies);
	os_lock_release(watch->lock);
	while (!atomic_load(&watch->stop)) {
		uint32_t seq = atomic_load(&bell->seq);
		int64_t pause_ns;

		look(watch, &rule);
		sleep_on(bell, seq, &rule);
		pause_ns = watch_pause_ns(&rule);
		if (!pause_ns)
			continue;
		os_thread_sleep_ns(pause_ns);
		watch_paused(&rule, os_now_ns());
	}
	return NULL;
}

int watch_start(struct watch *watch)
{
	assert(!os_lock_is_held());
	atomic_store(&watch->stop, false);
	return os_thread_start_joined(&watch->thread, run, watch);
}

void watch_stop(struct watch *watch)
{
	struct node_bell *bell = exchange_node_bell(watch->exchange);

	assert(!os_lock_is_held());
	atomic_store(&watch->stop, true);
	atomic_fetch_add(&bell->seq, 1);
	os_futex_wake(&bell->seq, 1);
	os_thread_join(watch->thread);
}
