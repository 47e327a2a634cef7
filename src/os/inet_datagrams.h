/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_INET_DATAGRAMS_H
#define DVS_OS_INET_DATAGRAMS_H

/*
 * Datagrams of UDP that nobody has received: each with the address of its sender, and the one that it was sent to.
 * Nothing here blocks; errors are negative errnos.
 */

#include <stddef.h>
#include <stdint.h>

#include "os/inet_packet.h"

/* Not 0 stops. */
typedef int (*os_inet_each_datagram)(void *ctx, const struct os_inet_way *way, const uint8_t *bytes,
				     size_t length);

/* All of them, in order; they stay. The kernel shows one without bytes only once. */
int os_inet_datagrams_look(int fd, uint16_t port, os_inet_each_datagram each, void *ctx);

/*
 * One is put into the socket that is bound to the port, of which no other socket is. If this machine has not the
 * address that it was sent to, it comes by the loopback's.
 */
int os_inet_datagrams_put(const struct os_inet_way *way, const uint8_t *bytes, size_t length);

#endif
