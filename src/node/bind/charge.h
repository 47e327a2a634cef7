/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_BIND_CHARGE_H
#define DVS_NODE_BIND_CHARGE_H

/*
 * The resources that the DCs of one owner make this node keep, at the request of any user:
 * processes that `dvs run` has started, and channels between endpoints, each of which takes a
 * descriptor of the daemon. The count is taken of those that exist, so no move, restart or end can
 * lose count. DCs of root have no limit. Node lock held.
 */

#include <stdbool.h>

struct request;

#define CHARGE_PROCESSES_MAX 512

/* May there be one more in the DC that the request names? False: it was refused (EDVSUSERFULL). */
bool charge_process(struct request *request);
/* The same for a channel, of which only a new one counts. */
bool charge_channel(struct request *request, int dcid);

#endif
