/* SPDX-License-Identifier: Apache-2.0 */
#include "node/costs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/costs.h"
#include "os/log.h"
#include "os/self.h"

#define MEASURE_LIMIT_MS 500
#define PERCENT_MAX	 10000

static uint32_t scale(uint32_t cost_ns, unsigned percent)
{
	uint64_t scaled = (uint64_t)cost_ns * percent / 100;

	return scaled > ATTENTION_COST_MAX_NS ? ATTENTION_COST_MAX_NS : (uint32_t)scaled;
}

bool costs_override(const char *text, struct attention_costs *costs)
{
	unsigned number[3];
	int end = 0;

	if (sscanf(text, "%u%%%n", &number[0], &end) == 1 && end && !text[end]) {
		if (!number[0] || number[0] > PERCENT_MAX)
			return false;
		costs->yield_ns = scale(costs->yield_ns, number[0]);
		costs->switch_ns = scale(costs->switch_ns, number[0]);
		costs->wake_ns = scale(costs->wake_ns, number[0]);
		return true;
	}
	end = 0;
	if (sscanf(text, "%u,%u,%u%n", &number[0], &number[1], &number[2], &end) != 3 || !end ||
	    text[end] || !number[0] || !number[1] || !number[2])
		return false;
	*costs = (struct attention_costs){ number[0], number[1], number[2] };
	return true;
}

struct attention_costs costs_find(void)
{
	const char *text = getenv("DVS_COSTS");
	struct attention_costs costs = ATTENTION_COSTS_DEFAULT;
	struct os_costs measured;
	int r = os_costs_measure(&measured, MEASURE_LIMIT_MS);

	if (r == 0)
		costs = (struct attention_costs){ measured.yield_ns, measured.switch_ns,
						  measured.wake_ns };
	else
		os_log(OS_LOG_WARN, "what a switch costs could not be measured (%s): assumed",
		       strerror(-r));
	if (text && !costs_override(text, &costs))
		os_log(OS_LOG_WARN, "DVS_COSTS is neither N%% nor YIELD,SWITCH,WAKE: ignored");
	costs = attention_costs_checked(costs);
	os_log(OS_LOG_DEBUG, "a yield costs %u ns, a switch and back %u ns, a wake %u ns",
	       costs.yield_ns, costs.switch_ns, costs.wake_ns);
	return costs;
}

int costs_main(void)
{
	struct attention_costs costs = costs_find();

	printf("{\"yield_ns\": %u, \"switch_ns\": %u, \"wake_ns\": %u}\n", costs.yield_ns,
	       costs.switch_ns, costs.wake_ns);
	return os_self_finish("dvsd", 0);
}
