/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_DEPUTY_H
#define DVS_GROUP_DEPUTY_H

/*
 * The deputy of one daemon in the group of its machine's Corosync. To the daemon it is what a sequencer is: a Unix
 * socket, and the frames of wire/group.h. So a daemon that executes itself anew leaves the group as little as it does
 * with a sequencer, no call of a Corosync that hangs holds a daemon up, and only the deputy's program needs Corosync's
 * libraries.
 *
 *	daemon --socket--> deputy: envoy + council --libcpg, libquorum--> Corosync
 *
 * A daemon that goes has left the group. The next one that comes is a new life of the node, unless it comes while the
 * connection of the one before still stands, because a keeper holds it (os/keeper.h), and goes on in its place.
 */

struct deputy;
struct os_loop;

/* Listens on the path. 0 or negative errno as os_unix_listen(). */
int deputy_new(struct deputy **deputyp, struct os_loop *loop, const char *path);
struct deputy *deputy_free(struct deputy *deputy); /* leaves; returns NULL */

#endif
