/* SPDX-License-Identifier: Apache-2.0 */
#include "os/limit.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <sys/resource.h>

_Static_assert((int)OS_LIMIT_CPU == RLIMIT_CPU && (int)OS_LIMIT_DESCRIPTORS == RLIMIT_NOFILE &&
		       OS_LIMIT_NONE == RLIM_INFINITY,
	       "numbers");

int os_limit(pid_t pid, enum os_limit_of what, struct os_limit *limit)
{
	struct rlimit now;

	if (prlimit(pid, (enum __rlimit_resource)what, NULL, &now) < 0)
		return -errno;
	*limit = (struct os_limit){ now.rlim_cur, now.rlim_max };
	return 0;
}

int os_limit_set(pid_t pid, enum os_limit_of what, const struct os_limit *limit)
{
	const struct rlimit wanted = { limit->soft, limit->hard };

	assert(limit->soft <= limit->hard);
	return prlimit(pid, (enum __rlimit_resource)what, &wanted, NULL) < 0 ? -errno : 0;
}
