/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_INET_GROUPS_H
#define DVS_OS_INET_GROUPS_H

#include <stdbool.h>

#include "base/address.h"

/*
 * Whether the socket is a member of a multicast group, and of which. No socket tells its groups: it is asked for each
 * one that its network has, which the files of the directory (/proc/PID of a task in that network) tell. 1, 0, or a
 * negative errno.
 */
int os_inet_groups_find(int fd, int directory, struct address *group);

#endif
