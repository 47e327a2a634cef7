/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/thread_timers.h"

#include <assert.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/kernel.h"

bool thread_timers_is_own(int32_t clock)
{
	return clock < 0 && clock & CPU_CLOCK_OF_THREAD && !~(clock >> CPU_CLOCK_SHIFT) &&
	       (clock & CPU_CLOCK_KIND) != CPU_CLOCK_NONE;
}

int32_t thread_timers_clock_of(int32_t clock, int32_t vtid)
{
	const uint32_t kind = (uint32_t)clock & (CPU_CLOCK_OF_THREAD | CPU_CLOCK_KIND);

	assert(vtid > 0);
	return (int32_t)(~(uint32_t)vtid << CPU_CLOCK_SHIFT | kind);
}

static int64_t rest_of(const struct calls *calls, struct remote_ptr at)
{
	struct itimerspec value;

	memcpy(&value, calls_at((struct calls *)calls, at), sizeof(value));
	return value.it_value.tv_sec * 1000000000 + value.it_value.tv_nsec;
}

/* 1: it is this thread's, 0, or a refusal. */
static int is_of_thread(struct calls *calls, int32_t timer, struct refusal *refusal)
{
	calls_room(calls, 2, 2 * sizeof(struct itimerspec));
	const struct remote_ptr before = calls_space(calls, sizeof(struct itimerspec));
	const struct remote_ptr after = calls_space(calls, sizeof(struct itimerspec));

	calls_add(calls, "read its POSIX timers", CALL_OK, SYS_timer_gettime, (uint64_t)timer,
		  before.at);
	calls_add(calls, "read its POSIX timers", CALL_OK, SYS_timer_gettime, (uint64_t)timer,
		  after.at);
	int r = calls_run(calls);

	if (r)
		return calls_refuse(calls, r, "the process", refusal);
	return rest_of(calls, before) != rest_of(calls, after);
}

static int find_one(struct calls *calls, const struct foothold *foothold,
		    const struct threads *threads, struct image_timer *timer,
		    struct refusal *refusal)
{
	for (uint32_t i = 0; i < threads->count; i++) {
		calls_begin(calls, foothold, &threads->tracee[i]);
		int r = is_of_thread(calls, timer->id, refusal);

		if (r == 1)
			timer->clock = thread_timers_clock_of(timer->clock, threads->vtid[i]);
		if (r)
			return r < 0 ? r : 0;
	}
	return refusal_set(refusal, EDVSPROCSTS,
			   "POSIX timer %d runs on the CPU time of one of the process's threads, "
			   "and is not set, so that it is not known which one: it is not carried",
			   timer->id);
}

int thread_timers_find(struct calls *calls, const struct foothold *foothold,
		       const struct threads *threads, struct inventory *inventory,
		       struct refusal *refusal)
{
	int r = 0;

	assert(threads->count);
	if (threads->count == 1)
		return 0;
	for (uint32_t i = 0; i < inventory->timer_count && r == 0; i++)
		if (thread_timers_is_own(inventory->timer[i].clock))
			r = find_one(calls, foothold, threads, &inventory->timer[i], refusal);
	return r;
}
