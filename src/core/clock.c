/* SPDX-License-Identifier: Apache-2.0 */
#include "core/clock.h"

#include "core/assert.h"

#define ASKED_MAX_NS INT64_C(60000000000) /* an answer that took longer tells nothing */
#define AHEAD_MAX_NS (INT64_MAX / 4)

int64_t clock_error_ns(const struct clock_difference *clock, int64_t now_ns)
{
	int64_t age_ns = now_ns > clock->at_ns ? now_ns - clock->at_ns : 0;

	CORE_ASSERT(clock->error_ns >= 0);
	return clock->error_ns + age_ns / 1000000 * CLOCK_DRIFT_PPM;
}

void clock_on_answer(struct clock_difference *clock, int64_t asked_ns, int64_t heard_ns,
		     int64_t own_ns, int64_t theirs_ns)
{
	struct clock_difference now = { .known = true, .at_ns = heard_ns };
	int64_t apart_ns, old_ns;

	/* The answer says both times, and is a peer's. */
	if (asked_ns > heard_ns || asked_ns < 0 || heard_ns - asked_ns > ASKED_MAX_NS ||
	    theirs_ns < 0 || theirs_ns > AHEAD_MAX_NS || own_ns < 0 || own_ns > AHEAD_MAX_NS)
		return;
	now.error_ns = (heard_ns - asked_ns + 1) / 2;
	now.ahead_ns = theirs_ns - (own_ns - now.error_ns);
	CORE_ASSERT(now.error_ns >= 0);
	if (clock->known) {
		old_ns = clock_error_ns(clock, heard_ns);
		apart_ns = now.ahead_ns - clock->ahead_ns;
		if (apart_ns < 0)
			apart_ns = -apart_ns;
		if (now.error_ns > old_ns && apart_ns <= now.error_ns + old_ns)
			return;
	}
	*clock = now;
}
