/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_RANDOM_H
#define DVS_OS_RANDOM_H

#include <stdint.h>

/* 64 bits that nobody can guess, and never 0, which means "none" wherever such a number stands. */
uint64_t os_random(void);

#endif
