/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/inet_connection_make.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "migrate/inet_connection.h"
#include "os/inet.h"
#include "os/inet_repair.h"
#include "os/open.h"

/* The room that each end gives the other one, by the numbers that both have now. */
static int give_windows(int fd, const struct connection_rest *rest, const struct description *other)
{
	enum {
		LAST_UPDATE,
		SEND,
		SEND_MOST,
		RECEIVE,
		RECEIVE_FROM,
		COUNT
	};
	uint32_t window[COUNT];

	_Static_assert(sizeof(window) == sizeof(rest->stream.window), "layout");
	memcpy(window, rest->stream.window, sizeof(window));
	if (other) {
		const struct connection_rest others = inet_connection_rest(other);
		const struct os_inet_stream *stream = &others.stream;
		int32_t room = (int32_t)(stream->window[RECEIVE_FROM] + stream->window[RECEIVE] -
					 stream->received);

		window[SEND] = room > 0 ? (uint32_t)room : 0;
		if (window[SEND_MOST] < window[SEND])
			window[SEND_MOST] = window[SEND];
	}
	/* Windows count the end of a direction, which comes anew. */
	if ((int32_t)(window[RECEIVE_FROM] - rest->stream.received) > 0)
		window[RECEIVE_FROM] = rest->stream.received;
	return os_inet_repair_window(fd, window);
}

/* The first so many bytes of a sort. */
static int fill(int fd, const struct contents *contents, bool sending, uint32_t left)
{
	const uint32_t head = sizeof(struct inet_piece_head);
	uint32_t at = 0, length;
	const uint8_t *piece;
	int r = 0;

	assert(fd >= 0);
	while (r == 0 && left && (piece = contents_next(contents, &at, &length))) {
		if (!inet_is_piece(piece, length, sending ? INET_SENT : INET_RECEIVED))
			continue;
		uint32_t part = length - head < left ? length - head : left;

		r = os_inet_repair_fill(fd, sending, piece + head, part);
		left -= part;
	}
	return r;
}

/* Its numbers; gone: bytes that are taken for sent, of which nobody needs an acknowledgement if they are of a pair. */
static struct os_inet_made made_of(const struct description *description,
				   const struct connection_rest *rest, uint32_t gone)
{
	const struct connection_body body = inet_connection_body(&description->image);
	uint32_t received = inet_connection_bytes(&description->contents, INET_RECEIVED);
	uint32_t sent = inet_connection_bytes(&description->contents, INET_SENT);

	return (struct os_inet_made){
		.is_v6 = body.flags & CONNECTION_V6,
		.own = inet_connection_end(body.own, body.own_port),
		.peer = inet_connection_end(body.peer, body.peer_port),
		.sent = rest->stream.sent - sent + (body.other ? gone : 0),
		.received = rest->stream.received - received,
		.stream = &rest->stream,
	};
}

int inet_connection_make(int fd, const struct descriptions *all,
			 const struct description *description)
{
	const struct connection_body body = inet_connection_body(&description->image);
	const struct connection_rest rest = inet_connection_rest(description);
	const struct description *other = inet_connection_other(all, description);
	uint32_t received = inet_connection_bytes(&description->contents, INET_RECEIVED);
	uint32_t gone = inet_connection_sent(all, description);
	const struct os_inet_made made = made_of(description, &rest, gone);
	int r = body.flags & CONNECTION_MOVES ? os_inet_be_foreign(fd, made.is_v6, true) : 0;

	assert(fd >= 0);
	if (r == 0)
		r = os_inet_repair_make(fd, &made);
	if (r == 0)
		r = fill(fd, &description->contents, false, received);
	if (r == 0 && !other)
		r = fill(fd, &description->contents, true, gone);
	if (r == 0)
		r = give_windows(fd, &rest, other);
	return r ? r : os_open_set_flags(fd, description->image.flags);
}

/* The bytes behind those that are taken for sent. */
static int send_anew(int fd, const struct contents *contents, uint32_t sent)
{
	uint32_t at = 0, length;
	const uint8_t *piece;
	int r = 0;

	assert(fd >= 0);
	while (r == 0 && (piece = contents_next(contents, &at, &length))) {
		if (!inet_is_piece(piece, length, INET_SENT))
			continue;
		piece += sizeof(struct inet_piece_head);
		length -= (uint32_t)sizeof(struct inet_piece_head);
		uint32_t skipped = sent < length ? sent : length;

		sent -= skipped;
		r = os_inet_repair_send(fd, piece + skipped, length - skipped);
	}
	return r;
}

/* The end of the other end came before; that one does not say it again. */
static int get_end(int fd, const struct description *description,
		   const struct connection_rest *rest)
{
	const struct connection_body body = inet_connection_body(&description->image);
	struct os_inet_made made = made_of(description, rest, 0);
	/* There is room for it, whatever there was for bytes. */
	const uint32_t room[] = { rest->stream.window[0], rest->stream.window[1],
				  rest->stream.window[2], UINT16_MAX, rest->stream.received };

	assert(rest->stream.ends & OS_INET_GOT_END);
	made.received = rest->stream.received;
	int r = os_inet_repair_window(fd, room);

	if (r == 0)
		r = os_inet_repair_get_end(fd, &made, body.flags & CONNECTION_ALONE);
	return r ? r : give_windows(fd, rest, NULL);
}

static int speak(int fd, const struct descriptions *all, const struct description *description)
{
	const struct connection_rest rest = inet_connection_rest(description);
	const struct connection_body body = inet_connection_body(&description->image);
	bool asks = !body.other && !(body.flags & CONNECTION_ALONE);
	int r = 0;

	assert(fd >= 0);
	if (!body.other && rest.stream.ends & OS_INET_GOT_END)
		r = get_end(fd, description, &rest);
	if (r == 0)
		r = os_inet_repair_leave(fd, body.flags & CONNECTION_REUSES, asks);
	if (r == 0)
		r = send_anew(fd, &description->contents, inet_connection_sent(all, description));
	return r ? r : os_inet_repair_finish(fd, &rest.stream);
}

/* It is made now: its port is nobody's, so that others may be bound to it until then. */
static int end(int fd, const struct descriptions *all, const struct description *description)
{
	const struct connection_body body = inet_connection_body(&description->image);
	struct connection_rest rest = inet_connection_rest(description);
	int error = body.flags & CONNECTION_RESET    ? ECONNRESET
		    : body.flags & CONNECTION_BROKEN ? EPIPE
						     : 0;
	int r = inet_connection_make(fd, all, description);

	if (r == 0) {
		struct os_inet_made made = made_of(description, &rest, 0);

		made.received = rest.stream.received;
		r = os_inet_repair_end(fd, &made, error);
	}
	if (r == 0)
		r = os_inet_repair_leave(fd, body.flags & CONNECTION_REUSES, false);
	rest.stream.ends = 0; /* as they are now */
	return r ? r : os_inet_repair_finish(fd, &rest.stream);
}

/* As the earlier one has asked: for the other end it is one more try of the same. */
static int start(int fd, const struct description *description)
{
	const struct connection_body body = inet_connection_body(&description->image);
	const struct connection_rest rest = inet_connection_rest(description);
	const struct os_inet_made made = made_of(description, &rest, 0);
	int r = body.flags & CONNECTION_MOVES ? os_inet_be_foreign(fd, made.is_v6, true) : 0;

	assert(fd >= 0);
	if (r == 0)
		r = os_inet_repair_start(fd, &made, body.flags & CONNECTION_REUSES);
	if (r == 0)
		r = os_inet_repair_finish(fd, &rest.stream);
	return r ? r : os_open_set_flags(fd, description->image.flags);
}

int inet_connection_decided(int fd, const struct descriptions *all,
			    const struct description *description)
{
	const struct connection_body body = inet_connection_body(&description->image);
	bool is_v6 = body.flags & CONNECTION_V6;
	bool was_foreign = inet_has_transparent(&description->contents, is_v6);
	int r = 0;

	if (body.flags & CONNECTION_OVER)
		r = end(fd, all, description);
	else if (body.flags & CONNECTION_STARTS)
		r = start(fd, description);
	else
		r = speak(fd, all, description);
	if (r == 0 && body.flags & CONNECTION_MOVES)
		r = os_inet_be_foreign(fd, is_v6, was_foreign);
	return r;
}
