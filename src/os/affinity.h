/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_AFFINITY_H
#define DVS_OS_AFFINITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The CPUs that a thread may use: bit n of byte n / 8, as an image carries it. */
#define OS_AFFINITY_BYTES 128u

struct os_affinity {
	uint8_t cpu[OS_AFFINITY_BYTES] __attribute__((aligned(8)));
};

/* tid 0: the caller. How many of the bytes count; or negative errno. */
int os_affinity(pid_t tid, struct os_affinity *affinity);

/* 0 or negative errno; -EINVAL: this machine has none of them. */
int os_affinity_set(pid_t tid, const struct os_affinity *affinity);

/* The CPU that the caller is on; false: not known. */
bool os_affinity_here(struct os_affinity *affinity);

/* How many CPUs this machine can have, be they there now or not. At least 1. */
unsigned os_affinity_possible(void);

#endif
