/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_LISTENER_H
#define DVS_OS_LISTENER_H

/*
 * A Unix socket on a loop, at which trusted programs are let in (os_peer_trusted()). If a connection cannot be taken
 * because all descriptors are in use, it waits in the socket's backlog: the listener says so in the log, once, and
 * looks again after OS_LISTENER_PAUSE_MS. Without the pause the socket, which stays readable, would keep the loop busy.
 */

#include "os/loop.h"
#include "os/socket.h"

#define OS_LISTENER_PAUSE_MS 250

struct os_listener;

/* Takes fd, non-blocking. */
typedef void os_listener_fn(void *ctx, int fd);

/* 0 or negative errno. fn runs on the loop. */
int os_listener_new(struct os_loop *loop, const char *path, enum os_socket_kind kind,
		    os_listener_fn *fn, void *ctx, struct os_listener **listenerp);
struct os_listener *
os_listener_free(struct os_listener *listener); /* NULL: nothing; returns NULL */

#endif
