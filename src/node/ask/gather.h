/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_ASK_GATHER_H
#define DVS_NODE_ASK_GATHER_H

/* Asking every other node the same thing on behalf of one request. Node lock held. */

#include "wire/ctl.h"

struct request;

typedef void gather_fn(struct request *parent);

/*
 * Sends call (with the parent's DC and endpoint, cmd 1) to all nodes that are up; rows and data are
 * passed to the parent as they come, parent->gathered gets the bit of each node that has answered
 * completely, and done(parent) is called when all have, or after half a second. A node whose link is away is asked
 * when the link is back within that time. done must end the parent; it may be called before this returns.
 */
void gather_start(struct request *parent, enum ctl_call call, gather_fn *done);

#endif
