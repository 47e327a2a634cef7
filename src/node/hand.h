/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_HAND_H
#define DVS_NODE_HAND_H

/* The three steps by hand (contract, section 6): what the order decided about one of ours. */

#include "core/directory.h"

struct node;

/* The endpoint's owner is another node now: its old process here is ended, the endpoint stays. */
void hand_on_committed(struct node *node, const struct directory_effect *effect);

#endif
