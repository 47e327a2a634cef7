/* SPDX-License-Identifier: Apache-2.0 */
#include "core/attention.h"

#include <stdatomic.h>

#include "core/assert.h"
#include "wire/shm.h"

static uint32_t between(uint32_t value, uint32_t least, uint32_t most)
{
	CORE_ASSERT(least <= most);
	if (value < least)
		return least;
	return value > most ? most : value;
}

struct attention_costs attention_costs_checked(struct attention_costs costs)
{
	if (!costs.yield_ns || !costs.switch_ns || !costs.wake_ns)
		return ATTENTION_COSTS_DEFAULT;
	costs.yield_ns = between(costs.yield_ns, ATTENTION_YIELD_MIN_NS, ATTENTION_COST_MAX_NS / 4);
	/* A switch is a yield and more; a wake on another CPU is not cheaper than a yield. */
	costs.switch_ns = between(costs.switch_ns, costs.yield_ns + costs.yield_ns / 2,
				  ATTENTION_COST_MAX_NS);
	costs.wake_ns = between(costs.wake_ns, costs.yield_ns, ATTENTION_COST_MAX_NS);
	CORE_ASSERT(costs.yield_ns < costs.switch_ns);
	CORE_ASSERT(costs.yield_ns <= costs.wake_ns);
	CORE_ASSERT(costs.switch_ns <= ATTENTION_COST_MAX_NS);
	CORE_ASSERT(costs.wake_ns <= ATTENTION_COST_MAX_NS);
	return costs;
}

struct attention_costs attention_costs_of(const struct node_bell *bell)
{
	return attention_costs_checked((struct attention_costs){
		.yield_ns = atomic_load_explicit(&bell->yield_ns, memory_order_relaxed),
		.switch_ns = atomic_load_explicit(&bell->switch_ns, memory_order_relaxed),
		.wake_ns = atomic_load_explicit(&bell->wake_ns, memory_order_relaxed),
	});
}

void attention_costs_publish(struct node_bell *bell, struct attention_costs costs)
{
	costs = attention_costs_checked(costs);
	CORE_ASSERT(costs.yield_ns);
	atomic_store_explicit(&bell->yield_ns, costs.yield_ns, memory_order_relaxed);
	atomic_store_explicit(&bell->switch_ns, costs.switch_ns, memory_order_relaxed);
	atomic_store_explicit(&bell->wake_ns, costs.wake_ns, memory_order_relaxed);
}

void attention_span_rewarded(struct attention_span *span, const struct attention_costs *costs,
			     int64_t took_ns)
{
	int64_t most = span->most_ns;

	CORE_ASSERT(took_ns >= 0);
	CORE_ASSERT(most > 0);
	if (2 * took_ns > span->ns)
		span->ns = 2 * took_ns < most ? 2 * took_ns : most;
	else if (span->ns < ATTENTION_FIRST_NS(costs))
		span->ns += span->ns / 4 + 1;
	CORE_ASSERT(span->ns > 0);
}

void attention_span_missed(struct attention_span *span, const struct attention_costs *costs)
{
	int64_t least = ATTENTION_LEAST_NS(costs);

	CORE_ASSERT(least > 0);
	span->ns -= span->ns / 8;
	if (span->ns < least)
		span->ns = least;
	CORE_ASSERT(span->ns > 0);
}
