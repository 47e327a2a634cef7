/* SPDX-License-Identifier: Apache-2.0 */

/* Time, chance and the log of one run. */

#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>

uint64_t world_random(struct world *w, uint64_t least, uint64_t most)
{
	assert(least <= most);
	return prng_between(&w->prng, least, most);
}

bool world_chance(struct world *w, uint32_t percent)
{
	assert(percent <= 100);
	return prng_chance(&w->prng, (struct prng_ratio){ percent, 100 });
}

void world_log(struct world *w, const char *format, ...)
{
	va_list args;

	if (!w->options.verbose)
		return;
	printf("%10llu ", (unsigned long long)w->now_us);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void world_fail(struct world *w, const char *format, ...)
{
	va_list args;

	if (w->report->failed)
		return;
	w->report->failed = true;
	va_start(args, format);
	vsnprintf(w->report->violation, sizeof(w->report->violation), format, args);
	va_end(args);
	world_log(w, "VIOLATION %s", w->report->violation);
}

struct sim_event world_event(const struct world *w, int kind, int node)
{
	return (struct sim_event){ .kind = kind,
				   .node = node,
				   .life = node >= 0 ? w->node[node].life : 0 };
}

void world_put(struct world *w, struct sim_event event, uint64_t delay_us)
{
	assert(event.node < w->nodes);
	assert(event.kind);
	event.time_us = w->now_us + delay_us;
	queue_put(&w->queue, &event);
}

void world_put_again(struct world *w, int kind, uint32_t period_us)
{
	if (period_us && !w->calm)
		world_put(w, world_event(w, kind, -1), world_random(w, 1, 2 * (uint64_t)period_us));
}
