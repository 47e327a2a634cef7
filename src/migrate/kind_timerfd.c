/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A timer that is a descriptor: its clock, its interval, the flags that it was set with, and the expirations that
 * nobody has read. One that was set to a moment of its clock expires at that moment, also if that has passed
 * meanwhile; the rest of any other one stands still while the process does, as that of its other timers.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/clocks.h"
#include "migrate/restore.h"
#include "os/clock.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/procdir.h"
#include "os/socket.h"
#include "os/timerfd.h"

#define LINK	    "anon_inode:[timerfd]"
#define LOOKS_MAX   3  /* at a timer that is due all the time */
#define SETTING_MAX 16 /* each leaves twice the time that the last one took */

struct timerfd_body {
	/* The time that is left, or with OS_TIMERFD_ABSOLUTE the moment of the process's clock; 0: not armed. */
	int64_t first_ns;
	int64_t interval_ns;
	uint64_t ticks;
	uint32_t clock, flags;
};

static struct timerfd_body body_of(const struct image_description *image)
{
	struct timerfd_body body;

	memcpy(&body, image->body, sizeof(body));
	return body;
}

/* The clock that the program reads, of one that wakes the machine, too. */
static int readable(uint32_t clock)
{
	if (clock == CLOCK_REALTIME_ALARM)
		return CLOCK_REALTIME;
	return clock == CLOCK_BOOTTIME_ALARM ? CLOCK_BOOTTIME : (int)clock;
}

static bool is_clock(uint32_t clock)
{
	int base = readable(clock);

	return base == CLOCK_REALTIME || base == CLOCK_MONOTONIC || base == CLOCK_BOOTTIME;
}

static int64_t later(int64_t moment_ns, int64_t by_ns)
{
	assert(by_ns >= 0);
	return moment_ns > INT64_MAX - by_ns ? INT64_MAX : moment_ns + by_ns;
}

/* ---- source ---- */

static void fill(struct image_description *image, const struct os_timerfd *timer)
{
	const struct timerfd_body body = {
		.first_ns = timer->left_ns,
		.interval_ns = timer->interval_ns,
		.ticks = timer->ticks,
		.clock = (uint32_t)timer->clock,
		.flags = timer->flags,
	};

	_Static_assert(sizeof(body) <= IMAGE_BODY_BYTES, "it fits");
	memcpy(image->body, &body, sizeof(body));
}

/* A clock that was set counts as an expiration until it is read, and nothing tells one from the other. */
static int check_told(const struct os_timerfd *timer, int number, struct refusal *refusal)
{
	if (!(timer->flags & OS_TIMERFD_CANCEL) || !timer->ticks)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the timerfd of descriptor %d has expired, or its clock was set "
			   "(TFD_TIMER_CANCEL_ON_SET): which of both cannot be seen before the "
			   "process has read it",
			   number);
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	struct os_timerfd timer;

	if (strcmp(seen->link, LINK) != 0)
		return 0;
	if (!os_timerfd_parse(seen->info, &timer) || !is_clock((uint32_t)timer.clock))
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a timerfd open (descriptor %d) whose time "
				   "cannot be seen, so that it cannot move",
				   seen->number);
	int r = check_told(&timer, seen->number, refusal);

	fill(image, &timer);
	return r ? r : 1;
}

/*
 * No rest is left of one that is not armed, and of one that is due and whose interrupt has not come yet: the latter had
 * a rest before, or goes on expiring.
 */
static int look(int fd, const struct timerfd_body *before, struct os_timerfd *timer)
{
	bool armed = before->first_ns != 0;

	for (int i = 0; i < LOOKS_MAX; i++) {
		int r = os_timerfd_look(fd, timer);

		if (r || timer->left_ns)
			return r;
		armed = armed || (timer->interval_ns && timer->ticks != before->ticks);
	}
	if (armed && timer->interval_ns)
		timer->left_ns = 1;
	else if (armed && !timer->ticks)
		timer->ticks = 1;
	return 0;
}

/* The moment in the process's own clock. */
static int64_t moment_of(pid_t pid, const struct os_timerfd *timer)
{
	int clock = readable((uint32_t)timer->clock);
	int64_t now = os_clock_ns(clock);
	int dir = procdir_open(pid);

	assert(timer->left_ns);
	if (dir >= 0)
		now += clocks_ahead(dir, clock);
	os_close(dir);
	return later(now, timer->left_ns);
}

static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	const struct timerfd_body before = body_of(&description->image);
	struct os_timerfd timer = { 0 };
	int fd = os_pid_descriptor(frozen->pid, description->number);
	int r = fd < 0 ? fd : look(fd, &before, &timer);

	os_close(fd);
	if (r)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the timerfd of descriptor %d cannot be looked at: %s",
				   description->number, strerror(-r));
	if (timer.left_ns && timer.flags & OS_TIMERFD_ABSOLUTE)
		timer.left_ns = moment_of(frozen->pid, &timer);
	fill(&description->image, &timer);
	return check_told(&timer, description->number, refusal);
}

/* ---- target ---- */

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct timerfd_body body = body_of(image);

	(void)files, (void)before, (void)complete;
	return is_clock(body.clock) && !(body.flags & ~(uint32_t)OS_TIMERFD_FLAGS_ALL) &&
	       body.first_ns >= 0 && body.interval_ns >= 0 &&
	       !(body.flags & OS_TIMERFD_CANCEL && body.ticks);
}

/*
 * Setting it forgets what had expired, which is put in afterwards. If it has expired in between then it is set once
 * more, to expire later by whole intervals, which count as expired.
 */
static int set(int fd, struct timerfd_body *body)
{
	int clock = readable(body->clock);
	bool absolute = body->flags & OS_TIMERFD_ABSOLUTE;

	for (int i = 0; i < SETTING_MAX; i++) {
		int64_t began = os_clock_ns(clock);
		int64_t due = absolute ? body->first_ns : later(began, body->first_ns);
		int r = os_timerfd_set(fd, body->flags, body->first_ns, body->interval_ns);

		if (r || !body->ticks)
			return r;
		r = os_timerfd_set_ticks(fd, body->ticks);
		int64_t ended = os_clock_ns(clock);

		if (r || !body->first_ns || !body->interval_ns || ended < due)
			return r;
		int64_t count = (ended - due + 2 * (ended - began)) / body->interval_ns + 1;

		body->ticks += (uint64_t)count;
		due = count > (INT64_MAX - due) / body->interval_ns
			      ? INT64_MAX
			      : due + count * body->interval_ns;
		body->first_ns = absolute ? due : due - ended;
	}
	return -EBUSY;
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	struct timerfd_body body = body_of(&description->image);
	int fd = os_timerfd_new((int)body.clock);

	if (body.first_ns && body.flags & OS_TIMERFD_ABSOLUTE) {
		body.first_ns -= clocks_ahead(restore->dir, readable(body.clock));
		body.first_ns = body.first_ns > 0 ? body.first_ns : 1;
	}
	int r = fd < 0 ? fd : set(fd, &body);

	if (r == 0)
		r = os_open_set_flags(fd, description->image.flags);
	if (r == 0)
		return fd;
	os_close(fd);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make a timerfd of the process: %s", strerror(-r));
}

const struct kind kind_timerfd = {
	.name = "a timerfd",
	.common = "is also open in",
	.remedy = "",
	.never_ends = true,
	.find = find,
	.write = complete,
	.read = read_body,
	.open = open_here,
	.shared = KIND_SHARE_DESCRIPTION,
};
