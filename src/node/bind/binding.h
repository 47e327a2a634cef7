/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_BIND_BINDING_H
#define DVS_NODE_BIND_BINDING_H

/* Where the endpoints are, as this node sees it. Node lock held. */

struct node;

/* Where an endpoint is, in the words of proxy.h. */
int binding_locate(const struct node *node, int dcid, int endpoint);

#endif
