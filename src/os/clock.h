/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_CLOCK_H
#define DVS_OS_CLOCK_H

/*
 * Time as the rest of the tree uses it: nanoseconds in a signed 64-bit number. The monotonic clock is
 * for intervals and deadlines, the real-time one only for times that people read.
 */

#include <stdint.h>
#include <time.h>

#define OS_SECOND_NS 1000000000ll
#define OS_MS_NS     1000000ll
#define OS_US_NS     1000ll

static inline int64_t os_clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * OS_SECOND_NS + t.tv_nsec;
}

static inline int64_t os_now_ns(void)
{
	return os_clock_ns(CLOCK_MONOTONIC);
}

/*
 * A count that only grows, for saying which of two things on this machine came first. Its unit is the
 * processor's; it costs less than a clock.
 */
static inline uint64_t os_ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	return (uint64_t)os_now_ns();
#endif
}

static inline int64_t os_realtime_ns(void)
{
	return os_clock_ns(CLOCK_REALTIME);
}

static inline struct timespec os_timespec(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / OS_SECOND_NS, .tv_nsec = ns % OS_SECOND_NS };
}

/* A deadline from a time-out in milliseconds; below 0 is "never", kept as -1. */
static inline int64_t os_deadline_ns(int64_t timeout_ms)
{
	return timeout_ms < 0 ? -1 : os_now_ns() + timeout_ms * OS_MS_NS;
}

/* Milliseconds left until the deadline, rounded up; -1: it is never. */
static inline int os_left_ms(int64_t deadline_ns)
{
	int64_t left;

	if (deadline_ns < 0)
		return -1;
	left = deadline_ns - os_now_ns();
	return left <= 0 ? 0 : (int)((left + OS_MS_NS - 1) / OS_MS_NS);
}

#endif
