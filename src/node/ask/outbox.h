/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_ASK_OUTBOX_H
#define DVS_NODE_ASK_OUTBOX_H

/*
 * Packets for a client of the control socket that the socket had no room for. They wait here, in order, and
 * leave when the client reads. So a table may have any number of rows, and a slow reader holds up nobody.
 *
 * An outbox belongs to one connection. It ends with the request (outbox_drop), or outlives it until all is sent
 * (outbox_finish). A client can make the daemon keep a bounded amount: OUTBOX_BYTES_MAX of packets, for as long as it
 * reads one of them every OUTBOX_SILENT_US.
 */

#include <stddef.h>

#include "os/socket.h"

#define OUTBOX_BYTES_MAX (8u << 20) /* all rows of a full cluster, several times over */
#define OUTBOX_SILENT_US 10000000

struct os_loop;
struct outbox;

/*
 * Appends a copy of a packet to *boxp, which is made when there is none (NULL). The descriptor stays the
 * caller's until outbox_finish(). 0; -ENOBUFS when the client reads too little; -ENOMEM. Does not block.
 */
int outbox_add(struct outbox **boxp, struct os_loop *loop, int fd, const struct iovec *parts,
	       int count);
/* The request is over: from now on the outbox owns the descriptor, and itself. */
void outbox_finish(struct outbox *box);
/* The client is gone: forgets everything; the descriptor stays the caller's. NULL is allowed; returns NULL. */
struct outbox *outbox_drop(struct outbox *box);

#endif
