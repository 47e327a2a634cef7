/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/inet_connection.h"

#include <assert.h>
#include <string.h>

#define SIZE_MAX_BYTES (64u << 20)

_Static_assert(sizeof(struct connection_body) == IMAGE_BODY_BYTES, "layout");
_Static_assert(sizeof(struct connection_rest) == 20 + 17 * 4, "layout");

struct connection_body inet_connection_body(const struct image_description *image)
{
	struct connection_body body;

	memcpy(&body, image->body, sizeof(body));
	return body;
}

struct os_inet_end inet_connection_end(const uint8_t *byte, uint16_t port)
{
	struct os_inet_end end = { .port = port };

	memcpy(end.address.byte, byte, sizeof(end.address.byte));
	return end;
}

bool inet_connection_are_flags(uint32_t flags)
{
	uint32_t error = flags & (CONNECTION_RESET | CONNECTION_BROKEN);
	uint32_t state = flags & (CONNECTION_STARTS | CONNECTION_OVER | CONNECTION_ALONE);

	return !(flags & ~(uint32_t)CONNECTION_FLAGS) && !(state & (state - 1)) &&
	       (!error || (flags & CONNECTION_OVER && !(error & (error - 1))));
}

bool inet_connection_are_ends(const struct connection_body *one,
			      const struct connection_body *other)
{
	return one->own_port == other->peer_port && one->peer_port == other->own_port &&
	       memcmp(one->own, other->peer, sizeof(one->own)) == 0 &&
	       memcmp(one->peer, other->own, sizeof(one->peer)) == 0;
}

uint32_t inet_connection_bytes(const struct contents *contents, enum inet_piece which)
{
	uint32_t at = 0, length, count = 0;
	const uint8_t *piece;

	while ((piece = contents_next(contents, &at, &length)))
		if (inet_is_piece(piece, length, which))
			count += length - (uint32_t)sizeof(struct inet_piece_head);
	return count;
}

struct connection_rest inet_connection_rest(const struct description *description)
{
	struct connection_rest rest = { 0 };
	bool found = inet_find_rest(&description->contents, &rest, sizeof(rest));

	assert(found); /* whole() saw to it */
	return rest;
}

/* How many of the bytes that are not acknowledged the other end has got. */
static uint32_t count_got(const struct description *description, const struct connection_rest *rest,
			  const struct connection_rest *other)
{
	uint32_t first =
		rest->stream.sent - inet_connection_bytes(&description->contents, INET_SENT);

	return other->stream.received - first;
}

static bool is_sound(const struct connection_rest *rest)
{
	const struct os_inet_stream *stream = &rest->stream;

	return rest->gid != UINT32_MAX && rest->device[sizeof(rest->device) - 1] == 0 &&
	       stream->send_bytes <= SIZE_MAX_BYTES && stream->receive_bytes <= SIZE_MAX_BYTES &&
	       stream->send_scale <= 14 && stream->receive_scale <= 14 && stream->chosen <= 3 &&
	       stream->mss && stream->mss <= UINT16_MAX &&
	       !(stream->ends & ~(uint32_t)OS_INET_ENDS);
}

/* Both ends know each other, and agree about the bytes that are on their way. */
static bool are_pair(const struct description *description, const struct connection_rest *rest,
		     const struct description *other)
{
	const struct connection_body body = inet_connection_body(&description->image);
	const struct connection_body others_body = inet_connection_body(&other->image);
	struct connection_rest others;

	return other->image.kind == description->image.kind &&
	       others_body.other == description->image.id &&
	       inet_connection_are_ends(&body, &others_body) &&
	       inet_find_rest(&other->contents, &others, sizeof(others)) &&
	       count_got(description, rest, &others) <=
		       inet_connection_bytes(&description->contents, INET_SENT);
}

bool inet_connection_is_whole(const struct description *description, const struct descriptions *all)
{
	const uint32_t id = inet_connection_body(&description->image).other;
	const struct description *other = descriptions_find(all, id);
	struct connection_rest rest;

	if (!inet_are_pieces(&description->contents) ||
	    !inet_find_rest(&description->contents, &rest, sizeof(rest)) || !is_sound(&rest))
		return false;
	if (id)
		return other && are_pair(description, &rest, other);
	return rest.stream.unsent <= inet_connection_bytes(&description->contents, INET_SENT);
}

const struct description *inet_connection_other(const struct descriptions *all,
						const struct description *description)
{
	const uint32_t id = inet_connection_body(&description->image).other;
	const struct description *other = descriptions_find(all, id);

	assert(other || !id); /* whole() saw to it */
	return other;
}

uint32_t inet_connection_sent(const struct descriptions *all, const struct description *description)
{
	const struct description *other = inet_connection_other(all, description);
	const struct connection_rest rest = inet_connection_rest(description);

	if (!other)
		return inet_connection_bytes(&description->contents, INET_SENT) -
		       rest.stream.unsent;
	const struct connection_rest others = inet_connection_rest(other);

	return count_got(description, &rest, &others);
}
