/* SPDX-License-Identifier: Apache-2.0 */
#include "core/keep.h"

#include "core/assert.h"

/* Of the death that is the KEEP_DEATHS_MAX-th before the next one; false: there were fewer. */
static bool oldest(const struct keep *keep, int64_t *death_ns)
{
	uint32_t next = keep->deaths + 1;

	if (next < KEEP_DEATHS_MAX)
		return false;
	*death_ns = keep->death_ns[(next - KEEP_DEATHS_MAX) % KEEP_DEATHS_MAX];
	return true;
}

bool keep_another(struct keep *keep, const struct keep_end *end, int64_t now_ns)
{
	int64_t first_ns;

	CORE_ASSERT(keep->deaths < UINT32_MAX);
	if (!end->was_killed || !end->left_state || end->is_stopping)
		return false;
	if (oldest(keep, &first_ns) && now_ns - first_ns < KEEP_WINDOW_NS)
		return false;
	keep->death_ns[keep->deaths++ % KEEP_DEATHS_MAX] = now_ns;
	CORE_ASSERT(keep->deaths);
	return true;
}
