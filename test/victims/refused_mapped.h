/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "victims/refused.h"

/* The kinds of `refused` that are a mapping. */

static void key(void)
{
	long number = syscall(SYS_pkey_alloc, 0, 0);
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(number > 0 && syscall(SYS_pkey_mprotect, at, 4096, PROT_READ, number) == 0);
}

static void memory_policy(void)
{
	unsigned long nodes = 1;
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(syscall(SYS_mbind, at, 4096, 2, &nodes, 64, 0) == 0);
}

/* Less than it has already. */
static void address_space(void)
{
	struct rlimit limit = { 1 << 20, RLIM_INFINITY };

	NEED(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void watched(void)
{
	struct {
		uint64_t api, features, ioctls;
	} api = { .api = 0xaa };
	struct {
		uint64_t start, length, mode, ioctls;
	} range = { .length = 4096, .mode = 1 };
	long fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	NEED(fd >= 0 && syscall(SYS_ioctl, fd, 0xc018aa3f, &api) == 0);
	range.start = (uint64_t)mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(syscall(SYS_ioctl, fd, 0xc020aa00, &range) == 0);
}

static const struct kind mapped_kinds[] = {
	{ "userfaultfd_range", "userfaultfd", watched },
	{ "protection_key", "protection key", key },
	{ "memory_policy", "NUMA", memory_policy },
	{ "address_space", "RLIMIT_AS", address_space },
	{ NULL, NULL, NULL },
};
