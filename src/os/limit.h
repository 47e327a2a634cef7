/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_LIMIT_H
#define DVS_OS_LIMIT_H

#include <stdint.h>
#include <sys/types.h>

/* Resource limits of a process, by the kernel's numbers, which index the limits of an image as well. */
enum os_limit_of {
	OS_LIMIT_CPU = 0,
	OS_LIMIT_DESCRIPTORS = 7,
};

#define OS_LIMIT_NONE UINT64_MAX

struct os_limit {
	uint64_t soft, hard;
};

/* 0 or negative errno; *limit is untouched then. */
int os_limit(pid_t pid, enum os_limit_of what, struct os_limit *limit);
int os_limit_set(pid_t pid, enum os_limit_of what, const struct os_limit *limit);

#endif
