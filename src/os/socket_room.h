/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SOCKET_ROOM_H
#define DVS_OS_SOCKET_ROOM_H

#include <stdbool.h>
#include <stdint.h>

/* The room of a socket for bytes that wait: made larger for a moment, and then as it was. 0 or negative errno. */
struct os_socket_room {
	bool sending; /* its other side is for bytes that have come */
	uint32_t bytes, chosen;
};

/* more: bytes beyond those that there is room for now, as the kernel counts them. */
int os_socket_room_widen(int fd, bool sending, uint32_t more, struct os_socket_room *before);
int os_socket_room_narrow(int fd, const struct os_socket_room *before);

/*
 * Whether a send that has no time-out waits until all bytes are in the room of the socket, so that nothing but a
 * signal cuts it short: a stream that may block.
 */
bool os_socket_room_is_awaited(int fd);

#endif
