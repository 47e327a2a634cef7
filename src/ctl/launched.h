/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CTL_LAUNCHED_H
#define DVS_CTL_LAUNCHED_H

#include <stdbool.h>

#include "client/launch.h"

/* Starts it and prints what became of it. Returns the verb's exit status. */
int launched_show(const struct launch *launch, bool json);

#endif
