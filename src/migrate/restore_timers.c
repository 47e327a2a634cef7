/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers come last of all, so that none fires while the process is made. A POSIX timer has a number. Since Linux 6.15
 * it can be asked for. Before, the kernel counts: a new process gets 0, 1, 2, ..., so that a timer is made for each
 * number that the process does not have, too, and deleted at once.
 */
#include "migrate/restore.h"

#include <assert.h>

#include "os/kernel.h"

static void add_create(struct restore *restore, const struct image_timer *timer)
{
	struct calls *calls = &restore->calls;
	struct sigevent event = { .sigev_value.sival_ptr = (void *)timer->value,
				  .sigev_signo = timer->signal,
				  .sigev_notify = timer->notify };

	event._sigev_un._tid = timer->tid;
	calls_room(calls, 3, 256);
	struct remote_ptr id = calls_put(calls, &timer->id, sizeof(timer->id));
	struct remote_ptr at = calls_put(calls, &event, sizeof(event));

	calls_add(calls, "create its POSIX timers", CALL_OK, SYS_timer_create,
		  (uint64_t)timer->clock, at.at, id.at);
}

static void add_set(struct restore *restore, const struct image_timer *timer)
{
	struct calls *calls = &restore->calls;
	struct itimerspec when = {
		.it_interval = { timer->interval_s, timer->interval_ns },
		.it_value = { timer->remaining_s, timer->remaining_ns },
	};

	if (!timer->remaining_s && !timer->remaining_ns)
		return;
	struct remote_ptr at = calls_put(calls, &when, sizeof(when));

	calls_add(calls, "set its POSIX timers", CALL_OK, SYS_timer_settime, (uint64_t)timer->id, 0,
		  at.at, 0);
}

static void add_chosen(struct restore *restore)
{
	const struct picture *picture = &restore->picture;
	struct calls *calls = &restore->calls;

	assert(picture->timer_count);
	calls_add(calls, "choose the numbers of its POSIX timers (Linux 6.15)", CALL_OK, SYS_prctl,
		  PR_TIMER_CREATE_RESTORE_IDS, 1);
	for (uint32_t i = 0; i < picture->timer_count; i++) {
		add_create(restore, &picture->timer[i]);
		add_set(restore, &picture->timer[i]);
	}
	calls_room(calls, 1, 0);
	calls_add(calls, "create its POSIX timers", CALL_OK, SYS_prctl, PR_TIMER_CREATE_RESTORE_IDS,
		  0);
}

/* The one with the lowest number that is at least this. */
static const struct image_timer *next_timer(const struct picture *picture, int64_t number)
{
	const struct image_timer *next = NULL;

	for (uint32_t i = 0; i < picture->timer_count; i++) {
		const struct image_timer *timer = &picture->timer[i];

		if (timer->id >= number && (!next || timer->id < next->id))
			next = timer;
	}
	return next;
}

/* That the kernel gave this number is seen by a call that takes it. */
static void add_counted(struct restore *restore)
{
	struct calls *calls = &restore->calls;
	const struct image_timer *timer;
	int64_t number = 0;

	for (; (timer = next_timer(&restore->picture, number)); number++) {
		for (; number < timer->id; number++) {
			add_create(restore, &(const struct image_timer){ .clock = CLOCK_MONOTONIC,
									 .notify = SIGEV_NONE });
			calls_add(calls, "count the numbers of its POSIX timers", CALL_OK,
				  SYS_timer_delete, (uint64_t)number);
		}
		assert(number == timer->id);
		add_create(restore, timer);
		calls_add(calls, "count the numbers of its POSIX timers", CALL_OK,
			  SYS_timer_getoverrun, (uint64_t)number);
		add_set(restore, timer);
	}
}

void restore_add_timers(struct restore *restore, bool can_choose)
{
	const struct picture *picture = &restore->picture;
	struct calls *calls = &restore->calls;

	calls_room(calls, 8, 256);
	if (picture->timer_count && can_choose)
		add_chosen(restore);
	else
		add_counted(restore);
	for (unsigned i = 0; i < 3; i++) {
		const struct image_itimer *timer = &picture->process.itimer[i];

		if (!timer->value_s && !timer->value_us)
			continue;
		calls_room(calls, 1, sizeof(*timer));
		struct remote_ptr address = calls_put(calls, timer, sizeof(*timer));

		calls_add(calls, "set its interval timers", CALL_OK, SYS_setitimer, i, address.at,
			  0);
	}
}
