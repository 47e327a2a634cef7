/* SPDX-License-Identifier: Apache-2.0 */
#include "os/affinity.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(sizeof(cpu_set_t) == OS_AFFINITY_BYTES, "as many CPUs as the library knows");

int os_affinity(pid_t tid, struct os_affinity *affinity)
{
	memset(affinity, 0, sizeof(*affinity));
	/* The call itself, for the library's function does not say how many bytes count. */
	long bytes = syscall(SYS_sched_getaffinity, tid, sizeof(affinity->cpu), affinity->cpu);

	assert(bytes <= (long)sizeof(affinity->cpu));
	return bytes < 0 ? -errno : (int)bytes;
}

int os_affinity_set(pid_t tid, const struct os_affinity *affinity)
{
	return sched_setaffinity(tid, sizeof(affinity->cpu), (const cpu_set_t *)affinity->cpu) < 0
		       ? -errno
		       : 0;
}

bool os_affinity_here(struct os_affinity *affinity)
{
	int cpu = sched_getcpu();

	memset(affinity, 0, sizeof(*affinity));
	if (cpu < 0 || cpu >= (int)OS_AFFINITY_BYTES * 8)
		return false;
	affinity->cpu[cpu / 8] = (uint8_t)(1u << cpu % 8);
	return true;
}

unsigned os_affinity_possible(void)
{
	long count = sysconf(_SC_NPROCESSORS_CONF);

	return count > 0 ? (unsigned)count : 1;
}
