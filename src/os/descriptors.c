/* SPDX-License-Identifier: Apache-2.0 */
#include "os/descriptors.h"

#include <errno.h>
#include <stddef.h>
#include <sys/resource.h>

static struct rlimit before;

int os_descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	if (!before.rlim_max)
		before = limit;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

int os_descriptors_restore(pid_t pid)
{
	if (!before.rlim_max)
		return 0;
	return prlimit(pid, RLIMIT_NOFILE, &before, NULL) < 0 ? -errno : 0;
}

void os_descriptors_before(struct os_descriptors *limits)
{
	*limits = (struct os_descriptors){ before.rlim_cur, before.rlim_max };
}

void os_descriptors_inherit(const struct os_descriptors *limits)
{
	before = (struct rlimit){ limits->soft, limits->hard };
}

uint64_t os_descriptors_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 0 : limit.rlim_cur;
}
