/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_INET_QUEUE_H
#define DVS_MIGRATE_INET_QUEUE_H

#include "migrate/contents.h"
#include "os/inet.h"

/*
 * Datagrams of UDP that nobody has received, as contents: each is a piece INET_DATAGRAM, which begins with the
 * addresses of its sender and of its receiver.
 */

/*
 * Source: copies all of them, which stay. 0, or -E2BIG; -EXDEV: one of them cannot come to the target's socket, which
 * is connected to another sender, bound to an interface, or has its port with others; other negative errno.
 */
int inet_queue_take(int fd, const struct os_inet *inet, struct contents *contents);

/* Whether a piece that came from outside is one. */
bool inet_queue_is_piece(const uint8_t *piece, uint32_t length);

/* Target: they come to the socket, which may be one of UDP-Lite. 0 or negative errno. */
int inet_queue_fill(int fd, bool is_lite, const struct contents *contents);

#endif
