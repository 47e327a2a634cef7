/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_RESTART_HOMECOMING_H
#define DVS_NODE_RESTART_HOMECOMING_H

/*
 * A successor answers the asker of the restart when its links are back, so that an operator who restarts one node after
 * the other does not find the links of the last one down. Node lock held.
 */

#include <stdint.h>

#include "wire/ctl.h"

struct request;
struct restarts;

/* Ends the request now or later. paused_ns: CLOCK_MONOTONIC, when the predecessor began to stand still. */
void homecoming_begin(struct restarts *restarts, struct request *request, uint64_t paused_ns,
		      const struct ctl_restart *answer);
/* A link is up. */
void homecoming_on_link(struct restarts *restarts);

#endif
