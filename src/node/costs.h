/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_COSTS_H
#define DVS_NODE_COSTS_H

/*
 * The costs of this machine by which waiters decide (core/attention.h), found when a daemon starts. Tests
 * imitate other machines by the environment variable DVS_COSTS:
 *
 *	DVS_COSTS=30%               the measured costs, scaled
 *	DVS_COSTS=200,1200,50000    yield, switch and wake in nanoseconds
 */

#include <stdbool.h>

#include "core/attention.h"

/* False, and nothing changed, where the text is neither of the two forms or out of range. */
bool costs_override(const char *text, struct attention_costs *costs);

/* Measures (some milliseconds), or takes the defaults where that fails, and says so in the log. */
struct attention_costs costs_find(void);

/* `dvsd --costs`: prints them as a JSON object. Exit status. */
int costs_main(void);

#endif
