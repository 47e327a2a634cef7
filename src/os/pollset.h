/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_POLLSET_H
#define DVS_OS_POLLSET_H

/*
 * A descriptor that stands for others: it is readable when one of those is ready. It lets a part wait for
 * room to write while it shows its owner one descriptor to read.
 */

#include "os/loop.h"

int os_pollset_new(void); /* the descriptor, the caller's; or negative errno */
/* Waits on fd for OS_READ and OS_WRITE; 0: for neither, but fd stays known. 0 or negative errno. */
int os_pollset_add(int set, int fd, int events);
int os_pollset_change(int set, int fd, int events);
void os_pollset_remove(int set, int fd);
/* The set is readable from that time on, until the descriptor is closed, which is the caller's. -errno. */
int os_pollset_timer(int set, int delay_ms);

#endif
