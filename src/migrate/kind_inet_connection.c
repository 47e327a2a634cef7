/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of TCP whose both ends the process has, or whose own address moves with it. Each end is made out of its
 * numbers, in a state in which it says nothing (TCP_REPAIR), and speaks when the process runs on. Bytes that one end
 * has sent and the other one has not got are sent anew. Where the other end is elsewhere, all bytes are taken for sent
 * that have left the kernel once. The contents of a description are its options and three sorts of pieces: all else
 * that is known of it, the bytes that have come, and those that are not acknowledged.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/inet.h"
#include "migrate/inet_connection.h"
#include "migrate/inet_connection_make.h"
#include "migrate/restore.h"
#include "os/inet.h"
#include "os/inet_other.h"
#include "os/inet_repair.h"
#include "os/pid.h"
#include "os/socket.h"

/* ---- source ---- */

static int check_end(const struct os_inet *inet, int number, struct refusal *refusal)
{
	bool is_unknown = inet->state == OS_INET_OVER ? inet->error < 0 : inet->has_error;
	const char *against = inet->state == OS_INET_BETWEEN
				      ? "is of a connection that is being accepted"
			      : is_unknown ? "has an error that the process was not told of"
					   : NULL;

	if (!against)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the TCP socket of descriptor %d %s, which is not carried", number,
			   against);
}

static uint16_t flags_of(const struct os_inet *inet, bool moves)
{
	bool is_over = inet->state == OS_INET_OVER;

	return (uint16_t)((inet->kind.is_v6 ? CONNECTION_V6 : 0) |
			  (inet->kind.reuses_address ? CONNECTION_REUSES : 0) |
			  (inet->kind.may_be_foreign ? CONNECTION_FOREIGN : 0) |
			  (moves ? CONNECTION_MOVES : 0) |
			  (inet->state == OS_INET_STARTS ? CONNECTION_STARTS : 0) |
			  (is_over ? CONNECTION_OVER : 0) |
			  (is_over && inet->error == ECONNRESET ? CONNECTION_RESET : 0) |
			  (is_over && inet->error == EPIPE ? CONNECTION_BROKEN : 0));
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	struct os_inet inet;
	int r = inet_find(seen, true, &inet, refusal);

	if (r <= 0)
		return r;
	r = check_end(&inet, seen->number, refusal);
	if (r)
		return r;
	struct connection_body body = {
		.own_port = inet.own.port,
		.peer_port = inet.peer.port,
		.uid = inet.kind.uid,
		.flags = flags_of(&inet, inet_moves(seen->host, inet.own.address)),
	};

	memcpy(body.own, inet.own.address.byte, sizeof(body.own));
	memcpy(body.peer, inet.peer.address.byte, sizeof(body.peer));
	memcpy(image->body, &body, sizeof(body));
	return 1;
}

/* Both ends of a connection give the same. */
static struct connection_body in_order(const struct description *description)
{
	const struct connection_body body = inet_connection_body(&description->image);
	struct connection_body turned = body;
	int order = memcmp(body.own, body.peer, sizeof(body.own));

	if (order < 0 || (order == 0 && body.own_port <= body.peer_port))
		return body;
	memcpy(turned.own, body.peer, sizeof(turned.own));
	memcpy(turned.peer, body.own, sizeof(turned.peer));
	turned.own_port = body.peer_port;
	turned.peer_port = body.own_port;
	return turned;
}

static int by_connection(const void *a, const void *b)
{
	const struct connection_body one = in_order(*(const struct description *const *)a);
	const struct connection_body two = in_order(*(const struct description *const *)b);

	return memcmp(&one, &two, offsetof(struct connection_body, other));
}

static void set_other(struct description *description, uint32_t other)
{
	struct connection_body body = inet_connection_body(&description->image);

	body.other = other;
	memcpy(description->image.body, &body, sizeof(body));
}

static void add_flags(struct description *description, uint32_t flags)
{
	struct connection_body body = inet_connection_body(&description->image);

	assert(!(flags & ~(uint32_t)CONNECTION_FLAGS));
	body.flags |= (uint16_t)flags;
	memcpy(description->image.body, &body, sizeof(body));
}

static bool lives(const struct image_description *image)
{
	const struct connection_body body = inet_connection_body(image);

	return inet_connection_lives(&body);
}

/* Sorted, the two ends of a connection stand beside each other. */
static int meet(struct descriptions *descriptions, uint32_t kind, struct refusal *refusal)
{
	struct description **end = malloc((descriptions->count + 1) * sizeof(struct description *));
	uint32_t count = 0;

	if (!end)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	for (uint32_t i = 0; i < descriptions->count; i++) {
		const struct image_description *image = &descriptions->description[i].image;

		if (image->kind == kind && lives(image))
			end[count++] = &descriptions->description[i];
	}
	qsort(end, count, sizeof(struct description *), by_connection);
	for (uint32_t i = 1; i < count; i++) {
		const struct connection_body one = inet_connection_body(&end[i - 1]->image);
		const struct connection_body other = inet_connection_body(&end[i]->image);

		if (one.other || !inet_connection_are_ends(&one, &other))
			continue;
		set_other(end[i - 1], end[i]->image.id);
		set_other(end[i], end[i - 1]->image.id);
	}
	free(end);
	return 0;
}

static int refuse_outside(const struct description *description, struct refusal *refusal)
{
	const struct connection_body body = inet_connection_body(&description->image);
	char own[ADDRESS_TEXT], peer[ADDRESS_TEXT];

	return refusal_set(refusal, EDVSPROCSTS,
			   "the process has a TCP connection to port %u of %s open (descriptor "
			   "%d), whose own address %s does not move with it",
			   body.peer_port,
			   address_print(inet_connection_end(body.peer, 0).address, peer),
			   description->number,
			   address_print(inet_connection_end(body.own, 0).address, own));
}

static int refuse_way(int other, int number, struct refusal *refusal)
{
	const char *against = other == OS_INET_OTHER_WAITS
				      ? "is one that a listening socket has not accepted yet"
				      : "has bytes on their way from a socket that is closed";

	if (other < 0)
		return refusal_set(refusal, EDVSPROCSTS,
				   "it cannot be found out who has the other end of the TCP "
				   "connection of descriptor %d: %s",
				   number, strerror(-other));
	return refusal_set(refusal, EDVSPROCSTS,
			   "the other end of the TCP connection of descriptor %d %s, which is not "
			   "carried; try again",
			   number, against);
}

/* If its other end is none that moves, and its address does not move, nobody may have it. */
static int check_alone(int fd, struct description *description, struct refusal *refusal)
{
	const struct connection_body body = inet_connection_body(&description->image);

	assert(fd >= 0);
	if (body.other || body.flags & CONNECTION_MOVES || !inet_connection_lives(&body))
		return 0;
	const struct os_inet_end own = inet_connection_end(body.own, body.own_port);
	const struct os_inet_end peer = inet_connection_end(body.peer, body.peer_port);

	if (!os_inet_is_here(peer.address))
		return refuse_outside(description, refusal);
	int other = os_inet_other_find(&own, &peer);

	if (other == OS_INET_OTHER_OWNED)
		return refuse_outside(description, refusal);
	if (other != OS_INET_OTHER_GONE)
		return refuse_way(other, description->number, refusal);
	add_flags(description, CONNECTION_ALONE);
	return 0;
}

static int check(pid_t pid, const struct descriptions *descriptions,
		 struct description *description, struct refusal *refusal)
{
	(void)descriptions;
	return inet_check(pid, description, check_alone, refusal);
}

static int on_bytes(void *ctx, bool sending, const uint8_t *bytes, size_t length)
{
	const size_t most = IMAGE_CONTENTS_BYTES_MAX - sizeof(struct inet_piece_head);
	int r = 0;

	while (length && r == 0) {
		size_t part = length < most ? length : most;

		r = inet_append_piece(ctx, sending ? INET_SENT : INET_RECEIVED, bytes,
				      (uint32_t)part);
		bytes += part;
		length -= part;
	}
	return r;
}

/* The bytes that were sent are nobody's any more. */
static int on_received(void *ctx, bool sending, const uint8_t *bytes, size_t length)
{
	return sending ? 0 : on_bytes(ctx, sending, bytes, length);
}

static int look_at_stream(int fd, const struct connection_body *body, struct os_inet_stream *stream,
			  struct contents *contents)
{
	if (body->flags & CONNECTION_OVER)
		return os_inet_repair_look_over(fd, stream, on_bytes, contents);
	if (body->flags & CONNECTION_STARTS)
		return os_inet_repair_look_start(fd, stream);
	return os_inet_repair_look(
		fd, stream, body->flags & CONNECTION_ALONE ? on_received : on_bytes, contents);
}

/* Both ends are shut, and nobody has the other one: no segment of this one is answered any more. */
static void note_over(struct description *description, struct os_inet_stream *stream)
{
	const uint32_t both = OS_INET_SENT_END | OS_INET_GOT_END;
	struct connection_body body = inet_connection_body(&description->image);

	if (!(body.flags & CONNECTION_ALONE))
		return;
	stream->unsent = 0;
	if ((stream->ends & both) != both)
		return;
	body.flags = (uint16_t)((body.flags & ~CONNECTION_ALONE) | CONNECTION_OVER);
	memcpy(description->image.body, &body, sizeof(body));
}

static int take(int fd, struct description *description)
{
	const struct connection_body body = inet_connection_body(&description->image);
	struct connection_rest rest = { 0 };
	struct os_inet inet;
	int r = os_inet_look_again(fd, &inet);

	assert(fd >= 0);
	/* A connection that is on its way to be another one, while the process stands. */
	if (r == 0 && (flags_of(&inet, false) ^ body.flags) & (CONNECTION_STARTS | CONNECTION_OVER))
		r = -ESTALE;
	if (r == 0)
		r = look_at_stream(fd, &body, &rest.stream, &description->contents);
	if (r)
		return r;
	note_over(description, &rest.stream);
	rest.gid = inet.kind.gid;
	memcpy(rest.device, inet.kind.device, sizeof(rest.device));
	return inet_append_piece(&description->contents, INET_REST, &rest, sizeof(rest));
}

static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	int fd = os_pid_descriptor(frozen->pid, description->number);

	int r = fd < 0 ? fd : take(fd, description);

	os_close(fd);
	if (r == 0)
		return 0;
	if (r == -E2BIG)
		return refusal_set(refusal, EDVS2BIG,
				   "the TCP socket of descriptor %d has more than %u KiB in it, "
				   "which is the most that can move; let them be read first",
				   description->number, IMAGE_CONTENTS_MAX >> 10);
	if (r == -EUCLEAN)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the TCP socket of descriptor %d has a byte in it that is out "
				   "of band (MSG_OOB), which is not carried",
				   description->number);
	if (r == -ESTALE)
		return refusal_set(
			refusal, EDVSBUSY,
			"the TCP connection of descriptor %d was made or ended while the "
			"process stood; try again",
			description->number);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the TCP connection of descriptor %d cannot be taken out of the kernel: "
			   "%s",
			   description->number, strerror(-r));
}

static void abandon(pid_t pid, const struct description *description)
{
	int fd = os_pid_descriptor(pid, description->number);

	if (fd >= 0)
		os_inet_repair_silence(fd);
	os_close(fd);
}

/* ---- target ---- */

#define NO_OTHER (CONNECTION_STARTS | CONNECTION_OVER | CONNECTION_ALONE)

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct connection_body body = inet_connection_body(image);
	bool is_v6 = body.flags & CONNECTION_V6;

	(void)files, (void)before;
	return inet_connection_are_flags(body.flags) && body.own_port && body.peer_port &&
	       body.uid != UINT32_MAX && !(body.other && body.flags & NO_OTHER) &&
	       (body.other || body.flags & (CONNECTION_MOVES | NO_OTHER) || !complete) &&
	       body.other != image->id &&
	       inet_is_of_family(is_v6, inet_connection_end(body.own, 0).address) &&
	       inet_is_of_family(is_v6, inet_connection_end(body.peer, 0).address);
}

static bool whole(const struct description *description, const struct descriptions *all,
		  const struct descriptors *descriptors)
{
	(void)descriptors;
	return inet_connection_is_whole(description, all);
}

static int refuse_making(const struct connection_body *body, int r, struct refusal *refusal)
{
	char own[ADDRESS_TEXT], peer[ADDRESS_TEXT];

	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make the TCP connection of the process from port %u "
			   "of %s to port %u of %s: %s",
			   body->own_port,
			   address_print(inet_connection_end(body->own, 0).address, own),
			   body->peer_port,
			   address_print(inet_connection_end(body->peer, 0).address, peer),
			   strerror(-r));
}

static struct os_inet_kind kind_in(const struct connection_body *body)
{
	return (struct os_inet_kind){
		.is_v6 = body->flags & CONNECTION_V6,
		.reuses_address = true, /* as in repair */
		.may_be_foreign = body->flags & (CONNECTION_MOVES | CONNECTION_FOREIGN),
		.uid = body->uid,
		.gid = UINT32_MAX, /* as it is */
	};
}

static int fits(const struct image_description *image, struct refusal *refusal)
{
	const struct connection_body body = inet_connection_body(image);
	const struct os_inet_kind kind = kind_in(&body);
	const struct os_inet_end own = inet_connection_end(body.own, 0);
	int r = os_inet_try(&kind, &own);

	return r ? refuse_making(&body, r, refusal) : 0;
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	const struct connection_body body = inet_connection_body(&description->image);
	const struct connection_rest rest = inet_connection_rest(description);
	struct os_inet_kind kind = kind_in(&body);

	kind.gid = rest.gid;
	memcpy(kind.device, rest.device, sizeof(kind.device));
	int fd = os_inet_new(&kind);
	int r = fd < 0 ? refuse_making(&body, fd, refusal)
		       : inet_options_give(fd, &description->contents, refusal);

	if (r == 0 && !inet_connection_lives(&body))
		return fd; /* nobody is in its way, or hears of it, when the move is decided */
	if (r == 0) {
		r = inet_connection_make(fd, &restore->picture.tables->descriptions, description);
		if (r == 0)
			return fd;
		r = refuse_making(&body, r, refusal);
	}
	os_close(fd);
	return r;
}

static bool opens_ahead(const struct descriptions *all, const struct description *description)
{
	/* A socket without a connection that comes before it has the port first, be it one that listens. */
	for (const struct description *at = all->description; at < description; at++)
		if (at->kind == &kind_inet_socket && at->number < 0 && at->kept < 0)
			return false;
	return true;
}

/* A connection that lacks something would be worse than one that has ended. */
static void resume(const struct descriptions *all, const struct description *description)
{
	int fd = os_pid_descriptor(description->pid, description->number);

	if (fd >= 0 && inet_connection_decided(fd, all, description))
		os_inet_repair_give_up(fd);
	os_close(fd);
}

const struct kind kind_inet_connection = {
	.name = "a TCP connection",
	.common = "is also open in",
	.remedy = "",
	.may_spread = true,
	.find = find,
	.finds_alone = true,
	.meet = meet,
	.check = check,
	.write = complete,
	.abandon = abandon,
	.read = read_body,
	.whole = whole,
	.fits = fits,
	.open = open_here,
	.opens_ahead = opens_ahead,
	.resume = resume,
	.shared = KIND_SHARE_DESCRIPTION,
};
