/* SPDX-License-Identifier: Apache-2.0 */
#include "os/scheduling.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IOPRIO_OF_ONE 1 /* IOPRIO_WHO_PROCESS, which is a thread */

/* The kernel's struct sched_attr, as far as Linux 5.3 has it. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t clamp_min, clamp_max;
};

_Static_assert(sizeof(struct attributes) == 56, "layout");

int os_scheduling(pid_t tid, struct os_scheduling *scheduling)
{
	struct attributes now = { .size = sizeof(now) };

	if (syscall(SYS_sched_getattr, tid, &now, sizeof(now), 0) < 0)
		return -errno;
	*scheduling = (struct os_scheduling){
		.policy = now.policy,
		.nice = now.nice,
		.priority = now.priority,
		.flags = now.flags,
		.runtime = now.runtime,
		.deadline = now.deadline,
		.period = now.period,
	};
	return 0;
}

int os_scheduling_set(pid_t tid, const struct os_scheduling *scheduling)
{
	struct attributes wanted = {
		.size = offsetof(struct attributes, clamp_min),
		.policy = scheduling->policy,
		.flags = scheduling->flags,
		.nice = scheduling->nice,
		.priority = scheduling->priority,
	};

	return syscall(SYS_sched_setattr, tid, &wanted, 0) < 0 ? -errno : 0;
}

uint32_t os_io_priority(pid_t tid)
{
	long priority = syscall(SYS_ioprio_get, IOPRIO_OF_ONE, tid);

	return priority > 0 ? (uint32_t)priority : 0;
}

int os_io_priority_set(pid_t tid, uint32_t priority)
{
	assert(priority);
	return syscall(SYS_ioprio_set, IOPRIO_OF_ONE, tid, priority) < 0 ? -errno : 0;
}
