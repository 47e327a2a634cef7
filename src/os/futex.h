/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_FUTEX_H
#define DVS_OS_FUTEX_H

/*
 * Futexes on words in pages that processes share. Waiting may end for no reason: the caller always
 * looks again whether its condition is true.
 */

#include <stdint.h>

/*
 * Sleeps while *word is `expected`, until woken or until the monotonic clock shows deadline_ns
 * (below 0: no limit). 0: woken, or *word differs; -ETIMEDOUT; -EINTR: a signal handler ran.
 */
int os_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t deadline_ns);

/* Wakes up to `count` sleepers. How many were woken, or negative errno (a word that went away). */
int os_futex_wake(_Atomic uint32_t *word, int count);

#endif
