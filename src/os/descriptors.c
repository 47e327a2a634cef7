/* SPDX-License-Identifier: Apache-2.0 */
#include "os/descriptors.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PARTS	   8
#define PART_LEAST 16

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

uint64_t os_descriptors_part(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur / PARTS < PART_LEAST)
		return PART_LEAST;
	return limit.rlim_cur / PARTS;
}

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static void close_between(unsigned first, unsigned end)
{
	if (first < end)
		syscall(SYS_close_range, first, end - 1, 0);
}

void os_descriptors_close_others(int *fds, size_t count)
{
	unsigned next = 3;

	qsort(fds, count, sizeof(*fds), by_number);
	for (size_t i = 0; i < count; i++) {
		if (fds[i] < (int)next)
			continue;
		close_between(next, (unsigned)fds[i]);
		next = (unsigned)fds[i] + 1;
	}
	close_between(next, ~0u);
}
