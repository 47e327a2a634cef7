/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_LISTED_TEST_H
#define DVS_MIGRATE_LISTED_TEST_H

/*
 * For tests: lists of system calls that are put together for a process that does not exist, and looked at in place of
 * being executed. Include this after base/test.h.
 */

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "migrate/calls.h"

#define LISTED_NOBODY \
	0x7fffffff /* no process has this number: a list that is sent to it comes back with -ESRCH */
#define LISTED_BASE 0x10000000u
#define LISTED_NONE UINT32_MAX

static const struct foothold listed_foothold = { .base = { LISTED_BASE } };

TEST_LOOKS_UNUSED static struct call *listed_at(const struct calls *calls, uint32_t index)
{
	return (struct call *)(calls->buffer + LIST_HEAD) + index;
}

/* The first call with this number from index `from` on. */
TEST_LOOKS_UNUSED static uint32_t listed_find(const struct calls *calls, long number, uint32_t from)
{
	for (uint32_t i = from; i < calls->count; i++)
		if (listed_at(calls, i)->number == (uint64_t)number)
			return i;
	return LISTED_NONE;
}

TEST_LOOKS_UNUSED static unsigned listed_count(const struct calls *calls, long number)
{
	unsigned count = 0;

	for (uint32_t at = 0; (at = listed_find(calls, number, at)) != LISTED_NONE; at++)
		count++;
	return count;
}

/* The first prctl of this option. */
TEST_LOOKS_UNUSED static uint32_t listed_prctl(const struct calls *calls, uint64_t option)
{
	for (uint32_t at = 0; (at = listed_find(calls, SYS_prctl, at)) != LISTED_NONE; at++)
		if (listed_at(calls, at)->arg[0] == option)
			return at;
	return LISTED_NONE;
}

/* As if the list had been executed: results may be set and asked for. */
TEST_LOOKS_UNUSED static void listed_executed(struct calls *calls)
{
	calls->ran = true;
}

#endif
