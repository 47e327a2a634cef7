/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_REAP_H
#define DVS_OS_REAP_H

/*
 * Collecting children that ended.
 */

#include <sys/types.h>

/*
 * A child that has ended and is still to be collected, and its status as from wait(2). It stays as it
 * is until os_reap(). 0; -EAGAIN: none has; -ECHILD: there are no children.
 */
int os_reap_peek(pid_t *pid, int *status);
void os_reap(pid_t pid);

/*
 * Waits for the end of the child, its own or its keeper's, behind a pidfd and collects it. 0, -ETIMEDOUT, negative
 * errno.
 */
int os_reap_pidfd(int pidfd, int timeout_ms);

#endif
