/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers come last of all, so that none fires while the process is made. A POSIX timer has a number. Since Linux 6.15
 * it can be asked for. Before, the kernel counts: a new process gets 0, 1, 2, ..., so that a timer is made for each
 * number that the process does not have, too, and deleted at once.
 */
#include "migrate/restore.h"

#include <assert.h>
#include <stdlib.h>

#include "dvk/errors.h"
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

static int by_number(const void *a, const void *b)
{
	const struct image_timer *one = a, *other = b;

	return (one->id > other->id) - (one->id < other->id);
}

/* One with a higher number than the offer told of was made since. */
static int check_numbers(const struct picture *picture, struct refusal *refusal)
{
	assert(picture->timer_count);
	for (uint32_t i = 1; i < picture->timer_count; i++)
		if (picture->timer[i].id == picture->timer[i - 1].id)
			return refusal_set(
				refusal, EDVSIO,
				"the image is damaged: two POSIX timers have one number");
	if (picture->timer[picture->timer_count - 1].id < IMAGE_TIMERS_COUNTED)
		return 0;
	return refusal_set(refusal, EDVSBUSY,
			   "the process has made a POSIX timer with a number above %d just before "
			   "it was stopped, and the target cannot choose such a number; try again",
			   IMAGE_TIMERS_COUNTED - 1);
}

/* In ascending order. That the kernel gave a number is seen by a call that takes it. */
static void add_counted(struct restore *restore)
{
	const struct picture *picture = &restore->picture;
	struct calls *calls = &restore->calls;
	int32_t number = 0;

	for (uint32_t i = 0; i < picture->timer_count; i++, number++) {
		const struct image_timer *timer = &picture->timer[i];

		for (; number < timer->id; number++) {
			add_create(restore, &(const struct image_timer){ .clock = CLOCK_MONOTONIC,
									 .notify = SIGEV_NONE });
			calls_add(calls, "count the numbers of its POSIX timers", CALL_OK,
				  SYS_timer_delete, (uint64_t)number);
		}
		assert(number == timer->id); /* check_numbers() saw to it */
		add_create(restore, timer);
		calls_add(calls, "count the numbers of its POSIX timers", CALL_OK,
			  SYS_timer_getoverrun, (uint64_t)number);
		add_set(restore, timer);
	}
}

/* Those of POSIX. 0 or a refusal. */
static int add_posix(struct restore *restore, bool can_choose, struct refusal *refusal)
{
	struct picture *picture = &restore->picture;

	if (!picture->timer_count)
		return 0;
	if (can_choose) {
		add_chosen(restore);
		return 0;
	}
	qsort(picture->timer, picture->timer_count, sizeof(picture->timer[0]), by_number);
	int r = check_numbers(picture, refusal);

	if (r == 0)
		add_counted(restore);
	return r;
}

int restore_add_timers(struct restore *restore, bool can_choose, struct refusal *refusal)
{
	const struct picture *picture = &restore->picture;
	struct calls *calls = &restore->calls;

	calls_room(calls, 8, 256);
	int r = add_posix(restore, can_choose, refusal);

	for (unsigned i = 0; i < 3 && r == 0; i++) {
		const struct image_itimer *timer = &picture->process.itimer[i];

		if (!timer->value_s && !timer->value_us)
			continue;
		calls_room(calls, 1, sizeof(*timer));
		struct remote_ptr address = calls_put(calls, timer, sizeof(*timer));

		calls_add(calls, "set its interval timers", CALL_OK, SYS_setitimer, i, address.at,
			  0);
	}
	return r;
}
