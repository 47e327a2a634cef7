/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SIGNALFD_H
#define DVS_OS_SIGNALFD_H

#include <stdbool.h>
#include <stdint.h>

/* Descriptors that signals are read from. Bit n - 1 of a mask is signal n. */

/* The mask as fdinfo tells it. False: it does not. */
bool os_signalfd_parse(const char *info, uint64_t *mask);

/* The descriptor of a new one, the caller's and close-on-exec; or negative errno. */
int os_signalfd_new(uint64_t mask);

#endif
