/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks that are not the machine's: a time namespace that is days ahead, as a process has it that
 * came from a machine which has been running for longer. They go on, neither back nor far ahead.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "victims/victim.h"

#define NEW_TIME 0x80
#define AHEAD_S	 864000

static double now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void go_ahead(void)
{
	static const char offsets[] = "monotonic 864000 5\nboottime 964000 7\n";

	if (unshare(NEW_TIME) < 0)
		_exit(77);
	int fd = open("/proc/self/timens_offsets", O_WRONLY);

	VICTIM_CHECK(write(fd, offsets, sizeof(offsets) - 1) > 0);
	close(fd);
	fd = open("/proc/self/ns/time_for_children", O_RDONLY);
	VICTIM_CHECK(setns(fd, NEW_TIME) == 0);
	close(fd);
}

int main(void)
{
	double before[2], after[2];

	victim_begin();
	go_ahead();
	before[0] = now(CLOCK_MONOTONIC);
	before[1] = now(CLOCK_BOOTTIME);
	VICTIM_CHECK(before[0] > AHEAD_S);
	victim_ready();
	do {
		after[0] = now(CLOCK_MONOTONIC);
		after[1] = now(CLOCK_BOOTTIME);
		VICTIM_CHECK(after[0] >= before[0] && after[0] < before[0] + 10);
		VICTIM_CHECK(after[1] >= before[1] && after[1] < before[1] + 10);
		before[0] = after[0];
		before[1] = after[1];
	} while (victim_moved());
	return victim_end();
}
