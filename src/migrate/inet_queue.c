/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/inet_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/inet.h"
#include "os/inet_datagrams.h"
#include "os/inet_other.h"
#include "os/socket_room.h"
#include "wire/image_description.h"

struct datagram_head {
	uint8_t from[ADDRESS_BYTES], to[ADDRESS_BYTES];
	uint16_t from_port, to_port;
};

_Static_assert(sizeof(struct datagram_head) == 36, "layout");

#define ROOM_BYTES  (32u << 20) /* more than they count anywhere */
#define HEADS_BYTES (sizeof(struct inet_piece_head) + sizeof(struct datagram_head))

/* ---- source ---- */

struct taken {
	const struct os_inet *inet;
	struct contents *contents;
};

static bool can_come(const struct os_inet *inet, const struct os_inet_way *way)
{
	bool is_from_peer =
		!inet->peer.port || (way->from.port == inet->peer.port &&
				     address_same(way->from.address, inet->peer.address));

	/* A socket that is bound to a group hears what is sent to that alone. */
	return is_from_peer && !os_inet_is_multicast(inet->own.address) && !inet->kind.device[0] &&
	       !inet->kind.reuses_port && way->from.port &&
	       address_is_v4(way->from.address) == address_is_v4(way->to.address);
}

static int on_datagram(void *ctx, const struct os_inet_way *way, const uint8_t *bytes,
		       size_t length)
{
	const struct taken *taken = ctx;
	struct datagram_head head = { .from_port = way->from.port, .to_port = way->to.port };

	if (!can_come(taken->inet, way))
		return -EXDEV;
	if (length > IMAGE_CONTENTS_BYTES_MAX - HEADS_BYTES)
		return -E2BIG;
	uint8_t *piece = malloc(sizeof(head) + length);

	if (!piece)
		return -ENOMEM;
	memcpy(head.from, way->from.address.byte, sizeof(head.from));
	memcpy(head.to, way->to.address.byte, sizeof(head.to));
	memcpy(piece, &head, sizeof(head));
	memcpy(piece + sizeof(head), bytes, length);
	int r = inet_append_piece(taken->contents, INET_DATAGRAM, piece,
				  (uint32_t)(sizeof(head) + length));

	free(piece);
	return r;
}

int inet_queue_take(int fd, const struct os_inet *inet, struct contents *contents)
{
	struct taken taken = { inet, contents };

	assert(inet->kind.is_udp && contents);
	return inet->own.port ? os_inet_datagrams_look(fd, inet->own.port, on_datagram, &taken) : 0;
}

/* ---- target ---- */

static struct os_inet_way way_in(const uint8_t *piece)
{
	struct datagram_head head;
	struct os_inet_way way = { 0 };

	memcpy(&head, piece + sizeof(struct inet_piece_head), sizeof(head));
	memcpy(way.from.address.byte, head.from, sizeof(head.from));
	memcpy(way.to.address.byte, head.to, sizeof(head.to));
	way.from.port = head.from_port;
	way.to.port = head.to_port;
	return way;
}

bool inet_queue_is_piece(const uint8_t *piece, uint32_t length)
{
	if (!inet_is_piece(piece, length, INET_DATAGRAM) || length < HEADS_BYTES)
		return false;
	const struct os_inet_way way = way_in(piece);

	return way.from.port && way.to.port &&
	       address_is_v4(way.from.address) == address_is_v4(way.to.address);
}

int inet_queue_fill(int fd, bool is_lite, const struct contents *contents)
{
	struct os_socket_room before;
	uint32_t at = 0, length;
	const uint8_t *piece;
	bool is_wide = false;
	int r = 0;

	assert(fd >= 0);
	while (r == 0 && (piece = contents_next(contents, &at, &length))) {
		if (!inet_is_piece(piece, length, INET_DATAGRAM))
			continue;
		struct os_inet_way way = way_in(piece);

		way.is_lite = is_lite;
		r = is_wide ? 0 : os_socket_room_widen(fd, false, ROOM_BYTES, &before);
		is_wide = is_wide || r == 0;
		if (r == 0)
			r = os_inet_datagrams_put(&way, piece + HEADS_BYTES, length - HEADS_BYTES);
	}
	int narrowed = is_wide ? os_socket_room_narrow(fd, &before) : 0;

	return r ? r : narrowed;
}
