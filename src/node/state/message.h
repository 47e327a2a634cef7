/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_STATE_MESSAGE_H
#define DVS_NODE_STATE_MESSAGE_H

#include "proxy/proxy.h"

/* Kinds of node messages on a link (proxy_message). */
enum node_message {
	NODE_MESSAGE_REQUEST = 1, /* struct forward_wire + right_user + ctl_request + payload */
	NODE_MESSAGE_PACKET = 2,  /* struct forward_wire + ctl_reply + payload */
	NODE_MESSAGE_CANCEL = 3,  /* struct forward_wire */
	/*
	 * u8 1: the sender's daemon is about to be restarted, and it has not begun any request of this link that it
	 * has not answered. 0: it goes on after all.
	 */
	NODE_MESSAGE_RESTART = 6,
	NODE_MESSAGE_GROUP =
		7, /* a word of the group's engine there to the one here: group_aside() */
};

#endif
