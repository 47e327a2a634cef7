/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Attention. Of the wakes that a remote call costs, the one of the thread that sleeps on the node
 * bell can be saved: the thread that has just delivered a message is awake, and the answer often comes within
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
 * very one; those who wait then see that it looks on where they are, and sleep instead of taking turns
 * from it (libdvk/look.h). How long it looks adapts: less if nothing came, more if something came soon after.
 */

#include <assert.h>
#include <stdatomic.h>

#include "os/clock.h"
#include "os/futex.h"
#include "os/thread.h"
#include "proxy/proxy_table.h"

#define LOOKS_PER_TURN 32

static const struct attention_costs *costs_of(const struct proxy *proxy)
{
	return exchange_costs(proxy->exchange);
}

static bool rung(const struct node_bell *bell, uint32_t seen)
{
	return atomic_load_explicit(&bell->seq, memory_order_acquire) != seen;
}

/* The news that the last attention gave up waiting for has come after all: how much longer would have done? */
void proxy_attend_late(struct proxy *proxy)
{
	int64_t took;

	if (proxy->attending || !proxy->given_up_ns)
		return;
	took = os_now_ns() - proxy->given_up_ns;
	proxy->given_up_ns = 0;
	if (took < ATTENTION_DAEMON_NS(costs_of(proxy)))
		proxy->late_ns = took;
}

static void begin(struct proxy *proxy)
{
	const struct attention_costs *costs = costs_of(proxy);
	struct node_bell *bell = exchange_node_bell(proxy->exchange);

	proxy->active = true;
	if (proxy->attending)
		return;
	proxy_attend_late(proxy);
	attention_span_begin(&proxy->attention, costs, ATTENTION_MOST_NS(costs));
	if (proxy->late_ns)
		attention_span_rewarded(&proxy->attention, costs, proxy->late_ns);
	if (proxy->attention.ns > ATTENTION_DAEMON_NS(costs))
		proxy->attention.ns = ATTENTION_DAEMON_NS(costs);
	proxy->late_ns = 0;
	assert(proxy->attention.ns > 0);
	proxy->active_ns = 0;
	proxy->bell_seen = atomic_load(&bell->seq);
	/* If nobody sleeps there, somebody looks already. */
	proxy->attending = atomic_exchange(&bell->sleeping, 0) != 0;
}

void proxy_attend_heard(struct proxy *proxy)
{
	if (!proxy->in_turn)
		return;
	proxy->in_turn = false; /* once is enough for all frames of it */
	begin(proxy);
}

void proxy_attend_read(struct peer *peer)
{
	assert(!peer->proxy->in_turn);
	peer->proxy->in_turn = true;
	peer_read(peer);
	peer->proxy->in_turn = false;
}

/* Reads from the nodes that have just spoken, without a turn of the loop. */
static void read_warm(struct proxy *proxy, int64_t now)
{
	int64_t warm_ns = ATTENTION_WARM_NS(costs_of(proxy));

	BITS_FOR_EACH(node, proxy->open, NR_NODES)
	{
		struct peer *peer = &proxy->peer[node];

		if (now - peer->heard_ns < warm_ns)
			proxy_attend_read(peer);
	}
}

static void look(struct proxy *proxy, const struct node_bell *bell, int64_t now)
{
	assert(proxy->attending);
	os_loop_lock(proxy->loop);
	if (rung(bell, proxy->bell_seen)) {
		uint64_t told = proxy->told;

		proxy->bell_seen = atomic_load(&bell->seq);
		proxy_scan(proxy);
		/* Anybody can ring without end: only what there was to tell is worth waiting for. */
		proxy->active = proxy->active || proxy->told != told;
	}
	read_warm(proxy, now);
	os_loop_unlock(proxy->loop);
}

static void give_up(struct proxy *proxy, struct node_bell *bell)
{
	assert(proxy->attending);
	attention_span_missed(&proxy->attention, costs_of(proxy));
	atomic_store_explicit(&bell->cpu, 0, memory_order_relaxed);
	os_loop_lock(proxy->loop);
	proxy->given_up_ns = proxy->active_ns;
	proxy->attending = false;
	os_loop_unlock(proxy->loop);
	/* Partner: the ringer counts seq up, then looks at sleeping. */
	atomic_store(&bell->sleeping, 1);
	if (rung(bell, proxy->bell_seen))
		os_futex_wake(&bell->seq, 1);
}

/* Written only when it changes: a ringing process wants the same cache line. */
static void show_cpu(struct node_bell *bell)
{
	uint32_t cpu = os_thread_cpu() + 1;

	if (atomic_load_explicit(&bell->cpu, memory_order_relaxed) != cpu)
		atomic_store_explicit(&bell->cpu, cpu, memory_order_relaxed);
}

/* True: the next frame is expected soon, and the loop shall look for it rather than sleep. */
bool proxy_attend(void *ctx)
{
	struct proxy *proxy = ctx;
	struct node_bell *bell = exchange_node_bell(proxy->exchange);

	if (!proxy->attending)
		return false;
	/* Now and then the loop has its turn, for everything else. */
	for (int i = 0; i < LOOKS_PER_TURN; i++) {
		int64_t now = os_now_ns();

		show_cpu(bell);
		look(proxy, bell, now);
		if (proxy->active) {
			if (proxy->active_ns)
				attention_span_rewarded(&proxy->attention, costs_of(proxy),
							now - proxy->active_ns);
			proxy->active_ns = now;
			proxy->active = false;
		}
		if (now - proxy->active_ns >= proxy->attention.ns) {
			give_up(proxy, bell);
			return false;
		}
		os_thread_yield();
	}
	return true;
}
