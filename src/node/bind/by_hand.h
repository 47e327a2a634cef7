/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_BIND_BY_HAND_H
#define DVS_NODE_BIND_BY_HAND_H

/* The three steps by hand (contract, section 6): the order's decisions about an endpoint of ours. */

#include "core/directory.h"

struct binding;
struct bindings;

/* The endpoint's owner is another node now: its old process here is ended, the endpoint stays. */
void by_hand_on_committed(struct bindings *bindings, const struct directory_effect *effect);

/*
 * The image of its process is in a file, and the move by hand goes on with that: the process is about to be stopped.
 * The commit ends it, with all that came from it; a rollback lets it go on.
 */
void by_hand_stand(struct binding *binding);
/* The move by hand was rolled back. Harmless if the process does not stand. */
void by_hand_go_on(struct binding *binding);

/*
 * The order has given the endpoint to this node, and this binding to the endpoint: attaches it, lets it go
 * on and offers it to the others. 0 or negative errno.
 */
int by_hand_take_over(struct binding *binding);

#endif
