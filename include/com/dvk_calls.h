/* SPDX-License-Identifier: Apache-2.0 */
/* For programs that name the headers of old; everything is in dvk.h. */
#include "../dvk.h"
