/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_BIND_ROSTER_H
#define DVS_NODE_BIND_ROSTER_H

/* The list of the cluster's machines, as far as the daemon has a use for it: further addresses of each node. */

#include <stdbool.h>
#include <stdint.h>

#include "base/roster.h"

struct proxy;

/* Whether the list in this file has that very node. It may wait for the disk: before the node serves anybody. */
bool roster_of_node(const char *path, int id, const char *name, struct address address,
		    struct roster *roster);

/* The links try all addresses of the list. Node lock held. */
void roster_tell(struct proxy *proxy, const struct roster *roster);

#endif
