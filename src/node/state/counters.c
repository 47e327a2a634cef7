/* SPDX-License-Identifier: Apache-2.0 */
#include "node/state/counters.h"

#include <assert.h>

#include "base/result.h"
#include "os/lock.h"

void counters_move_begun(struct ctl_counters *counters)
{
	assert(os_lock_protects());
	counters->moves_begun++;
}

void counters_move_over(struct ctl_counters *counters, const struct ctl_move *report)
{
	assert(os_lock_protects());
	if (report->dry_run)
		return;
	switch ((enum ctl_move_result)report->result) {
	case CTL_MOVE_COMMITTED:
		counters->moves_committed++;
		counters->moves_total_ns += report->total_ns;
		counters->moves_stopped_ns += report->downtime_ns;
		break;
	case CTL_MOVE_ROLLED_BACK:
		counters->moves_rolled_back++;
		break;
	case CTL_MOVE_REFUSED:
		counters->moves_refused++;
		break;
	}
}

void counters_forwarded(struct ctl_counters *counters)
{
	assert(os_lock_protects());
	counters->calls_forwarded++;
}

void counters_copied(struct ctl_counters *counters, uint64_t bytes)
{
	assert(os_lock_protects());
	counters->copies++;
	counters->copied_bytes += bytes;
}

/* The last place is EDVSGENERIC's, so that no refusal is lost. */
void counters_refused(struct ctl_counters *counters, int error)
{
	struct ctl_refusals *refusals = counters->refusals;
	int i = 0;

	assert(os_lock_protects());
	assert(error < 0);
	while (i < CTL_REFUSALS_MAX - 1 && refusals[i].error && refusals[i].error != error)
		i++;
	refusals[i].error = i < CTL_REFUSALS_MAX - 1 ? error : RESULT_EDVSGENERIC;
	refusals[i].count++;
}
