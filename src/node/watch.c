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
#include "node/node.h"
#include "os/clock.h"
#include "os/futex.h"
#include "os/lock.h"
#include "os/thread.h"
#include "proxy/proxy.h"

#define NAP_NS		OS_SECOND_NS
#define NAP_DISTRUST_NS OS_MS_NS
#define DISTRUST_NS	(10 * OS_SECOND_NS)
#define EMPTY_MAX	64
#define EMPTY_PAUSE_NS	OS_MS_NS

struct bell_watch {
	struct node *node;
	struct node_bell *bell;
	int64_t distrust_until_ns;
	unsigned empty; /* rings in a row that brought nothing */
	bool overdue;	/* a full sleep has passed without a ring */
};

/* The news that rings have brought so far. */
static uint64_t brought(const struct bell_watch *watch)
{
	return proxy_told(watch->node->proxy) + watch->node->copies.asked;
}

static void look(struct bell_watch *watch)
{
	struct proxy *proxy = watch->node->proxy;
	uint64_t before;

	node_lock(watch->node);
	before = brought(watch);
	proxy_scan(proxy);
	watch->empty = brought(watch) == before ? watch->empty + 1 : 0;
	if (watch->overdue) {
		before = brought(watch);
		proxy_scan_all(proxy);
		copy_look(&watch->node->copies);
		if (brought(watch) != before)
			watch->distrust_until_ns = os_now_ns() + DISTRUST_NS;
	}
	node_unlock(watch->node);
}

static void sleep_on(struct bell_watch *watch, uint32_t seq)
{
	struct node_bell *bell = watch->bell;
	int64_t now = os_now_ns();
	int64_t nap = now < watch->distrust_until_ns ? NAP_DISTRUST_NS : NAP_NS;
	int r = 0;

	atomic_store(&bell->sleeping, 1);
	/* Partner: the ringer counts seq up, then looks at sleeping. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&bell->seq) == seq)
		r = os_futex_wait(&bell->seq, seq, now + nap);
	atomic_store(&bell->sleeping, 0);
	watch->overdue = r == -ETIMEDOUT;
	if (watch->overdue)
		watch->empty = 0;
}

void *watch_main(void *arg)
{
	struct bell_watch watch = { .node = arg };
	int64_t looked_ns = 0;

	assert(!os_lock_is_held());
	watch.bell = exchange_node_bell(watch.node->exchange);
	/* The requests that the daemon was sent before it executed itself anew. */
	node_lock(watch.node);
	copy_look(&watch.node->copies);
	node_unlock(watch.node);
	while (!atomic_load(&watch.node->watch.stop)) {
		uint32_t seq = atomic_load(&watch.bell->seq);

		look(&watch);
		if (watch.overdue)
			looked_ns = os_now_ns();
		sleep_on(&watch, seq);
		if (watch.empty < EMPTY_MAX)
			continue;
		os_thread_sleep_ns(EMPTY_PAUSE_NS);
		/* It never sleeps for long enough, and rings may be lost all the same. */
		watch.overdue = watch.overdue || os_now_ns() - looked_ns > NAP_DISTRUST_NS;
	}
	return NULL;
}
