/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_EVENTFD_H
#define DVS_OS_EVENTFD_H

#include <stdbool.h>
#include <stdint.h>

/* The descriptor of a new one whose counter is 0, the caller's and close-on-exec; or negative errno. */
int os_eventfd_new(bool semaphore);

/* Adds to the counter. 0 or negative errno. */
int os_eventfd_add(int fd, uint64_t count);

/* Takes 1 from a semaphore, and all from another one. 0 or negative errno. */
int os_eventfd_take(int fd, uint64_t *taken);

#endif
