/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_INET_GROUPS_H
#define DVS_OS_INET_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "os/inet.h"

#define OS_INET_SOURCES_MAX 64

/* A membership of a socket in a multicast group. Errors are negative errnos. */
struct os_inet_group {
	struct address group;
	char device
		[OS_INET_DEVICE_BYTES]; /* the interface, which is another machine's by its name alone */
	bool includes;			/* the sources alone are heard; else all but them are */
	uint32_t source_count;
	struct address source[OS_INET_SOURCES_MAX];
};

/*
 * Those of the socket. No socket tells its groups: it is asked for each one that its network has, which the files of
 * the directory (/proc/PID of a task in that network) tell. 0; -E2BIG: one has more sources; the result of `each` if it
 * is not 0.
 */
int os_inet_groups_each(int fd, int directory,
			int (*each)(void *ctx, const struct os_inet_group *group), void *ctx);

/* Makes it a member. -ENODEV: this machine has not the interface. */
int os_inet_groups_join(int fd, const struct os_inet_group *group);

#endif
