/* SPDX-License-Identifier: Apache-2.0 */
/* For programs that name the headers of old; everything but the timers' functions is in dvk.h. */
#include "timers.h"
