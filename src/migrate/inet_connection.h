/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_INET_CONNECTION_H
#define DVS_MIGRATE_INET_CONNECTION_H

#include "migrate/descriptions.h"
#include "migrate/inet.h"
#include "os/inet.h"
#include "os/inet_repair.h"

/* An end of a connection of TCP as an image tells of it, and the bytes that are on their way between two ends. */
enum connection_flag {
	CONNECTION_V6 = 1,
	CONNECTION_REUSES = 2,
	CONNECTION_MOVES = 4,	/* its own address does */
	CONNECTION_FOREIGN = 8, /* the program has set IP_FREEBIND or IP_TRANSPARENT */
	CONNECTION_STARTS = 16, /* it is asked for, and has no answer */
	CONNECTION_OVER = 32,
	CONNECTION_RESET = 64,	 /* it is over, and nobody was told of ECONNRESET */
	CONNECTION_BROKEN = 128, /* the same, of EPIPE */
	CONNECTION_ALONE = 256,	 /* nobody has the other end any more */
	CONNECTION_FLAGS = 511,
};

struct connection_body {
	uint8_t own[ADDRESS_BYTES];
	uint8_t peer[ADDRESS_BYTES];
	uint16_t own_port, peer_port;
	uint32_t
		other; /* id of the description of the other end; 0: that is elsewhere, or not known yet */
	uint32_t uid;
	uint16_t flags;
	uint16_t pad;
};

struct connection_rest {
	uint32_t gid;
	char device[OS_INET_DEVICE_BYTES];
	struct os_inet_stream stream;
};

struct connection_body inet_connection_body(const struct image_description *image);
struct os_inet_end inet_connection_end(const uint8_t *byte, uint16_t port);

/* Whether it is one whose ends both know of it. */
static inline bool inet_connection_lives(const struct connection_body *body)
{
	return !(body->flags & (CONNECTION_STARTS | CONNECTION_OVER));
}

/* Whether the flags make sense beside each other. */
bool inet_connection_are_flags(uint32_t flags);

/* Whether they are the two ends of one connection. */
bool inet_connection_are_ends(const struct connection_body *one,
			      const struct connection_body *other);

/* The number of bytes of one sort that are in the pieces. */
uint32_t inet_connection_bytes(const struct contents *contents, enum inet_piece which);

/* Target: whether the contents, which came from outside, make sense, also beside those of the other end. */
bool inet_connection_is_whole(const struct description *description,
			      const struct descriptions *all);

/* Target, of one that is whole. The other end; NULL: it is elsewhere. */
struct connection_rest inet_connection_rest(const struct description *description);
const struct description *inet_connection_other(const struct descriptions *all,
						const struct description *description);
/* How many of the bytes that are not acknowledged are taken for sent, and have got there or are sent again in time. */
uint32_t inet_connection_sent(const struct descriptions *all,
			      const struct description *description);

#endif
