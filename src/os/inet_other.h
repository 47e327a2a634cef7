/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_INET_OTHER_H
#define DVS_OS_INET_OTHER_H

/* Sockets, as the kernel tells of them by their addresses. */

#include "os/inet.h"

enum os_inet_other {
	OS_INET_OTHER_GONE, /* there is none, or no process has it any more, and all that it sent has come */
	OS_INET_OTHER_OWNED,   /* a process has it */
	OS_INET_OTHER_WAITS,   /* a listener has it, which has not accepted it */
	OS_INET_OTHER_CLOSING, /* no process has it any more, and bytes of it are on their way */
};

/* An os_inet_other; -EOPNOTSUPP: the kernel does not tell; or another negative errno. */
int os_inet_other_find(const struct os_inet_end *own, const struct os_inet_end *peer);

/*
 * The kernel ends the connection of TCP that has these two, which has the error ECONNABORTED then, and tells the other
 * end by a reset. -EOPNOTSUPP: it cannot; or another negative errno.
 */
int os_inet_other_forget(const struct os_inet_end *own, const struct os_inet_end *peer);

/* Whether nothing can be sent by a socket of UDP any more (shutdown). False, too: the kernel does not tell. */
bool os_inet_udp_writes_end(const struct os_inet *inet, uint32_t inode);

/* Whether it is an address of this machine alone, to which a packet does not leave it. */
bool os_inet_is_here(struct address address);
bool os_inet_is_multicast(struct address address);

#endif
