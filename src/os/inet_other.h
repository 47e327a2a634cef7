/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_INET_OTHER_H
#define DVS_OS_INET_OTHER_H

/* The other end of a connection of TCP whose both addresses are of this machine, as the kernel knows it. */

#include "os/inet.h"

enum os_inet_other {
	OS_INET_OTHER_GONE, /* there is none, or no process has it any more, and all that it sent has come */
	OS_INET_OTHER_OWNED,   /* a process has it */
	OS_INET_OTHER_WAITS,   /* a listener has it, which has not accepted it */
	OS_INET_OTHER_CLOSING, /* no process has it any more, and bytes of it are on their way */
};

/* An os_inet_other; -EOPNOTSUPP: the kernel does not tell; or another negative errno. */
int os_inet_other_find(const struct os_inet_end *own, const struct os_inet_end *peer);

/* Whether a socket can be bound to the address because it is one of this machine. */
bool os_inet_is_here(struct address address);

#endif
