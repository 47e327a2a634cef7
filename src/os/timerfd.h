/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_TIMERFD_H
#define DVS_OS_TIMERFD_H

#include <stdbool.h>
#include <stdint.h>

/* Timers that are descriptors. Errors are negative errnos. */

/* How a timer was set; the numbers are the kernel's. */
enum os_timerfd_flag {
	OS_TIMERFD_ABSOLUTE = 1,
	OS_TIMERFD_CANCEL = 2, /* a reader is told that the clock was set */
	OS_TIMERFD_FLAGS_ALL = 3,
};

struct os_timerfd {
	int clock; /* CLOCK_* */
	uint32_t flags;
	uint64_t ticks;	 /* expirations that nobody has read */
	int64_t left_ns; /* 0: not armed, or due this moment */
	int64_t interval_ns;
};

/* As fdinfo tells it. False: it does not. Of a timer with an interval it shows one expiration at most. */
bool os_timerfd_parse(const char *info, struct os_timerfd *timer);

/* All expirations are counted, and the rest is that until the next one. Nobody who reads the timer notices. 0. */
int os_timerfd_look(int fd, struct os_timerfd *timer);

/* The descriptor of a new one that is not armed, the caller's and close-on-exec. */
int os_timerfd_new(int clock);

/*
 * First expiration, a moment of the clock with OS_TIMERFD_ABSOLUTE and a duration otherwise; 0: not armed. Expirations
 * that were not read are forgotten. 0.
 */
int os_timerfd_set(int fd, uint32_t flags, int64_t first_ns, int64_t interval_ns);

/* Expirations to be read in place of those that there are; not 0. */
int os_timerfd_set_ticks(int fd, uint64_t ticks);

#endif
