/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SCHEDULING_H
#define DVS_OS_SCHEDULING_H

#include <stdint.h>
#include <sys/types.h>

/* How a thread is scheduled, in the kernel's numbers. 0 or negative errno. */
#define OS_SCHEDULING_DEADLINE 6u

struct os_scheduling {
	uint32_t policy;
	int32_t nice;
	uint32_t priority;
	uint64_t flags;
	uint64_t runtime, deadline, period;
};

int os_scheduling(pid_t tid, struct os_scheduling *scheduling);

/* Without runtime, deadline and period. */
int os_scheduling_set(pid_t tid, const struct os_scheduling *scheduling);

/* The priority of its input and output; 0: none of its own, or not known. */
uint32_t os_io_priority(pid_t tid);
int os_io_priority_set(pid_t tid, uint32_t priority);

#endif
