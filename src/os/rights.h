/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_RIGHTS_H
#define DVS_OS_RIGHTS_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Opening files with the rights of another process: the calling thread acts with them for a moment, the other
 * threads of this program keep their own.
 */
struct os_rights_wanted {
	uint32_t uid, gid;
	uint64_t effective; /* capabilities */
	const uint32_t *group;
	uint32_t group_count;
};

/* The thread's own rights, until they are given back. */
struct os_rights;

/* 0, or -EPERM or -ENOMEM: nothing has changed then. */
int os_rights_assume(struct os_rights **rights, const struct os_rights_wanted *wanted);
struct os_rights *os_rights_give_back(struct os_rights *rights); /* returns NULL */

#endif
