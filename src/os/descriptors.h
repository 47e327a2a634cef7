/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_DESCRIPTORS_H
#define DVS_OS_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The descriptors of a process: how many it may have open, and which. */

/* Raises this process's limit to the most it may have. 0 or negative errno. */
int os_descriptors_raise(void);
/* Gives a process the limit that this one had before it raised its own; nothing if it has not. */
int os_descriptors_restore(pid_t pid);

/*
 * One user's part of those that this process may have now: an eighth, so that some users together take no more than
 * others need, and at least 16.
 */
uint64_t os_descriptors_part(void);

/* The limits before they were raised, for a successor that finds them raised. */
struct os_descriptors {
	uint64_t soft, hard;
};
void os_descriptors_before(struct os_descriptors *limits);
void os_descriptors_inherit(const struct os_descriptors *limits);

/* Closes all but 0 to 2 and these, which are put in order. */
void os_descriptors_close_others(int *fds, size_t count);

#endif
