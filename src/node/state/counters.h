/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_STATE_COUNTERS_H
#define DVS_NODE_STATE_COUNTERS_H

/*
 * Counts of the node's work since it was started; kept over a restart of the daemon. Node lock held. struct
 * ctl_counters says the meaning of each number.
 */

#include <stdint.h>

#include "wire/ctl.h"

/* The order has let the move begin. */
void counters_move_begun(struct ctl_counters *counters);
/* Its report; a dry run is none. */
void counters_move_over(struct ctl_counters *counters, const struct ctl_move *report);
void counters_forwarded(struct ctl_counters *counters);
void counters_copied(struct ctl_counters *counters, uint64_t bytes);
/* error: EDVS number. */
void counters_refused(struct ctl_counters *counters, int error);

#endif
