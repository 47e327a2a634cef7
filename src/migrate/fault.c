/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/fault.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"

static const char *const names[FAULT_COUNT] = {
	[FAULT_SOURCE_CHECK] = "source_check",	   [FAULT_SOURCE_OFFER] = "source_offer",
	[FAULT_SOURCE_SEIZED] = "source_seized",   [FAULT_SOURCE_FOOTHOLD] = "source_foothold",
	[FAULT_SOURCE_STATE] = "source_state",	   [FAULT_SOURCE_MEMORY] = "source_memory",
	[FAULT_SOURCE_THREADS] = "source_threads", [FAULT_TARGET_CHECK] = "target_check",
	[FAULT_TARGET_SHELL] = "target_shell",	   [FAULT_TARGET_CLEARED] = "target_cleared",
	[FAULT_TARGET_MAPPED] = "target_mapped",   [FAULT_TARGET_FILLED] = "target_filled",
	[FAULT_TARGET_THREADS] = "target_threads", [FAULT_TARGET_LOADED] = "target_loaded",
};

const char *fault_name(enum fault_point point)
{
	return point < FAULT_COUNT ? names[point] : NULL;
}

int fault_here(enum fault_point point, struct refusal *refusal)
{
	const char *chosen = getenv("DVS_FAULT");

	if (!chosen || strcmp(chosen, names[point]))
		return 0;
	return refusal_set(refusal, EDVSGENERIC, "fault injected at %s", chosen);
}
