/* SPDX-License-Identifier: Apache-2.0 */
#include "os/timerfd.h"

#include <assert.h>
#include <errno.h>
#include <linux/ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/open.h"
#include "os/procdir.h"

/* Not in the headers of every library. */
#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t)
#endif

_Static_assert((int)OS_TIMERFD_ABSOLUTE == TFD_TIMER_ABSTIME &&
		       (int)OS_TIMERFD_CANCEL == TFD_TIMER_CANCEL_ON_SET,
	       "numbers");

/* A line "name: (seconds, nanoseconds)". */
static bool parse_time(const char *info, const char *name, int64_t *ns)
{
	const char *text = procdir_field(info, name);
	unsigned long long seconds, rest;

	if (!text || sscanf(text, "(%llu, %llu)", &seconds, &rest) != 2 ||
	    rest >= (unsigned long long)OS_SECOND_NS)
		return false;
	if (seconds > (unsigned long long)(INT64_MAX / OS_SECOND_NS - 1))
		*ns = INT64_MAX;
	else
		*ns = (int64_t)seconds * OS_SECOND_NS + (int64_t)rest;
	assert(*ns >= 0);
	return true;
}

bool os_timerfd_parse(const char *info, struct os_timerfd *timer)
{
	*timer = (struct os_timerfd){
		.clock = (int)procdir_number(info, "clockid", 10, UINT32_MAX),
		.flags = (uint32_t)procdir_number(info, "settime flags", 8, UINT32_MAX),
		.ticks = procdir_number(info, "ticks", 10, 0),
	};
	return timer->clock >= 0 && !(timer->flags & ~(uint32_t)OS_TIMERFD_FLAGS_ALL) &&
	       procdir_field(info, "ticks") && parse_time(info, "it_value", &timer->left_ns) &&
	       parse_time(info, "it_interval", &timer->interval_ns);
}

int os_timerfd_look(int fd, struct os_timerfd *timer)
{
	struct procdir_text info = { 0 };
	struct itimerspec counted;
	char name[48];

	assert(fd >= 0);
	/* The kernel counts those of a timer with an interval when it is asked for the rest. */
	if (timerfd_gettime(fd, &counted) < 0)
		return -errno;
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	int r = procdir_read(OS_FOLDER_CURRENT, name, &info);

	if (r == 0 && !os_timerfd_parse(info.text, timer))
		r = -ENOSYS;
	procdir_text_free(&info);
	return r;
}

int os_timerfd_new(int clock)
{
	int fd = timerfd_create(clock, TFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int os_timerfd_set(int fd, uint32_t flags, int64_t first_ns, int64_t interval_ns)
{
	const struct itimerspec when = { .it_value = os_timespec(first_ns),
					 .it_interval = os_timespec(interval_ns) };

	assert(first_ns >= 0 && interval_ns >= 0);
	return timerfd_settime(fd, (int)flags, &when, NULL) ? -errno : 0;
}

int os_timerfd_set_ticks(int fd, uint64_t ticks)
{
	assert(ticks);
	return ioctl(fd, TFD_IOC_SET_TICKS, &ticks) ? -errno : 0;
}
