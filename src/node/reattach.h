/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_REATTACH_H
#define DVS_NODE_REATTACH_H

/*
 * Who follows a process of another node (`dvs logs -f`, `dvs run --wait`) stays attached when the link
 * breaks or that node's daemon is restarted: the request is kept, and asked again from the byte on that
 * it had got to when the link is back. Node lock held.
 */

#include <stdbool.h>
#include <stdint.h>

struct node;
struct request;

/* Whether it is such a request, answered far enough to be asked again without harm. */
bool reattach_possible(const struct request *request);
/*
 * The link to the node it was passed on to is down: keeps the request if that is possible and the
 * endpoint is still there. False: the request is the caller's, untouched.
 */
bool reattach_keep(struct request *request);
/* The same with the generation of the endpoint, known from before a restart of this daemon. */
void reattach_adopt(struct request *request, int owner, uint32_t generation);
/* The link to a node is up. */
void reattach_on_link(struct node *node, int peer);
/* A node has left the cluster: its processes have ended. */
void reattach_on_left(struct node *node, int peer);

#endif
