/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_INET_PACKET_H
#define DVS_OS_INET_PACKET_H

/*
 * Packets for sockets of this machine, as if their sender had sent them: a datagram or an end that a socket has got
 * once cannot be put into a new one otherwise. The receiver's address has to be one of this machine, so that no packet
 * leaves it. Needs CAP_NET_RAW. Nothing here blocks; errors are negative errnos.
 */

#include <stddef.h>
#include <stdint.h>

#include "os/inet.h"

struct os_inet_way {
	struct os_inet_end from, to; /* of one family */
	bool is_lite;		     /* a datagram is one of UDP-Lite */
};

/* A segment of TCP without bytes. */
enum os_inet_segment_kind {
	OS_INET_SEGMENT_END = 0x11,   /* nothing more is sent (FIN, ACK) */
	OS_INET_SEGMENT_RESET = 0x14, /* the connection is over (RST, ACK) */
};
struct os_inet_segment {
	enum os_inet_segment_kind kind;
	uint32_t number, acknowledged;
	uint16_t window; /* as it stands in the header */
};
int os_inet_packet_segment(const struct os_inet_way *way, const struct os_inet_segment *segment);

/* A datagram. */
#define OS_INET_DATAGRAM_MAX 65507u
int os_inet_packet_datagram(const struct os_inet_way *way, const uint8_t *bytes, size_t length);

#endif
