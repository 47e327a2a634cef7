/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_ASK_FORWARD_H
#define DVS_NODE_ASK_FORWARD_H

/* Requests that one node passes on to another, on both of them. Node lock held. */

#include <stdbool.h>
#include <stdint.h>

struct request;
struct requests;

/* Passes the whole request on; its answers come back to the same asker. */
void forward_start(struct request *request, int to);
/* The owner of the task that this request follows is now another node: ask there, from byte data_sent on. */
void forward_follow(struct request *request, int to);

/* A NODE_MESSAGE_REQUEST, _PACKET or _CANCEL has come over a link. */
void forward_on_message(struct requests *requests, int from, uint16_t kind, const uint8_t *bytes,
			uint32_t len);
/* The link to a node broke, or (left) the node is no member any more: its requests are over. */
void forward_on_node_down(struct requests *requests, int down, bool left);

#endif
