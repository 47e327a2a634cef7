/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_BIND_WAITS_H
#define DVS_NODE_BIND_WAITS_H

/*
 * Deadlock: a process that has waited for long for one peer asks its daemon, by its status page and the node bell,
 * whether they wait for each other in a ring. The daemon follows the edges from endpoint to endpoint and from node to
 * node; core/waits.h decides their meaning.
 */

struct binding;

/* The node bell rang for the slot of this binding. */
void waits_on_ring(struct binding *binding);

#endif
