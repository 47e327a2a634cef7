/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of TCP and UDP that are no connection, and raw ones: unbound, bound or listening, and those of UDP with a
 * peer. The contents of a description are a piece for each option that the program has set, for its filter, for each
 * datagram that nobody has received, and one with facts that the offer need not tell.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/inet.h"
#include "migrate/inet_members.h"
#include "migrate/inet_queue.h"
#include "migrate/restore.h"
#include "os/inet.h"
#include "os/inet_options.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/socket.h"

enum socket_flag {
	SOCKET_V6 = 1,
	SOCKET_UDP = 2,
	SOCKET_LISTENS = 4,
	SOCKET_REUSES_ADDRESS = 8,
	SOCKET_REUSES_PORT = 16,
	SOCKET_V6_ONLY = 32,
	SOCKET_MAY_BE_FOREIGN = 64,
	SOCKET_MOVES = 128, /* its own address does, or is on no machine */
	SOCKET_LITE = 256,  /* UDP-Lite, and SOCKET_UDP */
	SOCKET_RAW = 512,
	SOCKET_READS_END = 1024, /* UDP */
	SOCKET_WRITES_END = 2048,
	SOCKET_FLAGS = 4095,
};

struct socket_body {
	uint8_t address[ADDRESS_BYTES];
	char device[OS_INET_DEVICE_BYTES];
	uint32_t uid;
	uint32_t backlog;
	uint16_t port;
	uint16_t flags;
	uint16_t protocol; /* of a raw one */
	uint16_t pad;
};

/* Facts that the offer need not tell. */
struct socket_rest {
	uint32_t gid;
	uint16_t peer_port; /* 0: none */
	uint16_t pad;
	uint8_t peer[ADDRESS_BYTES];
};

_Static_assert(sizeof(struct socket_body) == IMAGE_BODY_BYTES, "layout");
_Static_assert(sizeof(struct socket_rest) == 24, "layout");

static struct socket_body body_of(const struct image_description *image)
{
	struct socket_body body;

	memcpy(&body, image->body, sizeof(body));
	return body;
}

static uint16_t port_of(const struct image_description *image)
{
	uint16_t port;

	memcpy(&port, image->body + offsetof(struct socket_body, port), sizeof(port));
	return port;
}

static struct os_inet_kind kind_in(const struct socket_body *body)
{
	struct os_inet_kind kind = {
		.is_v6 = body->flags & SOCKET_V6,
		.is_udp = body->flags & SOCKET_UDP,
		.is_lite = body->flags & SOCKET_LITE,
		.is_raw = body->flags & SOCKET_RAW,
		.protocol = body->protocol,
		.reuses_address = body->flags & SOCKET_REUSES_ADDRESS,
		.reuses_port = body->flags & SOCKET_REUSES_PORT,
		.is_v6_only = body->flags & SOCKET_V6_ONLY,
		.may_be_foreign = body->flags & (SOCKET_MAY_BE_FOREIGN | SOCKET_MOVES),
		.uid = body->uid,
		.gid = UINT32_MAX, /* as it is */
	};

	memcpy(kind.device, body->device, sizeof(kind.device));
	return kind;
}

static struct os_inet_end own_end(const struct socket_body *body)
{
	struct os_inet_end own = { .port = body->port };

	memcpy(own.address.byte, body->address, sizeof(own.address.byte));
	return own;
}

static struct os_inet_end peer_end(const struct socket_rest *rest)
{
	struct os_inet_end peer = { .port = rest->peer_port };

	memcpy(peer.address.byte, rest->peer, sizeof(peer.address.byte));
	return peer;
}

static const char *protocol_of(const struct os_inet_kind *kind)
{
	return kind->is_raw ? "raw" : kind->is_lite ? "UDP-Lite" : kind->is_udp ? "UDP" : "TCP";
}

/* ---- source ---- */

static struct socket_body make_body(const struct os_inet *inet, bool moves, bool writes_end)
{
	const struct os_inet_kind *kind = &inet->kind;
	struct socket_body body = {
		.uid = kind->uid,
		.backlog = inet->backlog,
		.port = inet->own.port,
		.flags =
			(uint16_t)((kind->is_v6 ? SOCKET_V6 : 0) | (kind->is_udp ? SOCKET_UDP : 0) |
				   (inet->state == OS_INET_LISTENS ? SOCKET_LISTENS : 0) |
				   (kind->reuses_address ? SOCKET_REUSES_ADDRESS : 0) |
				   (kind->reuses_port ? SOCKET_REUSES_PORT : 0) |
				   (kind->is_v6_only ? SOCKET_V6_ONLY : 0) |
				   (kind->may_be_foreign ? SOCKET_MAY_BE_FOREIGN : 0) |
				   (moves ? SOCKET_MOVES : 0) | (kind->is_lite ? SOCKET_LITE : 0) |
				   (kind->is_raw ? SOCKET_RAW : 0) |
				   (kind->is_udp && inet->is_shut ? SOCKET_READS_END : 0) |
				   (writes_end ? SOCKET_WRITES_END : 0)),
		.protocol = kind->protocol,
	};

	memcpy(body.address, inet->own.address.byte, sizeof(body.address));
	memcpy(body.device, kind->device, sizeof(body.device));
	return body;
}

/* The reason, as the end of a sentence; NULL: it can move as far as it tells itself. */
static const char *reason_against(const struct os_inet *inet)
{
	if (inet->state == OS_INET_BETWEEN)
		return "is connected, which is not carried";
	if (inet->is_shut && !inet->kind.is_udp)
		return "was shut down while it had no peer, which is not carried";
	if (inet->has_error)
		return "has an error that the process was not told of, which is not carried";
	if (os_inet_is_of_link(inet->own.address) || os_inet_is_of_link(inet->peer.address))
		return "has an address of one link (fe80::, 169.254.), which means something "
		       "else on another machine";
	return NULL;
}

/* This machine has it no more, or the process has given up what let it be bound there (IP_FREEBIND). */
static bool is_nowhere(const struct os_inet *inet)
{
	const struct os_inet_end own = { .address = inet->own.address };

	return !os_inet_is_any(own.address) && !inet->kind.may_be_foreign &&
	       os_inet_try(&inet->kind, &own) == -EADDRNOTAVAIL;
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	struct os_inet inet;
	int r = inet_find(seen, false, &inet, refusal);

	if (r <= 0)
		return r;
	const char *against = reason_against(&inet);

	if (against)
		return refusal_set(refusal, EDVSPROCSTS, "the %s socket of descriptor %d %s",
				   protocol_of(&inet.kind), seen->number, against);
	bool moves = inet_moves(seen->host, inet.own.address) || is_nowhere(&inet);
	const struct socket_body body =
		make_body(&inet, moves, os_inet_writes_end(seen->socket, &inet));

	memcpy(image->body, &body, sizeof(body));
	return 1;
}

static int take_groups(int fd, struct description *description, struct refusal *refusal)
{
	if (!(body_of(&description->image).flags & (SOCKET_UDP | SOCKET_RAW)))
		return 0;
	int dir = procdir_open(description->pid);
	int r = dir < 0 ? dir : inet_members_take(fd, dir, &description->contents);

	os_close(dir);
	if (r == 0)
		return 0;
	return refusal_set(refusal, EDVSPROCSTS,
			   "the multicast groups of the socket of descriptor %d %s: %s",
			   description->number,
			   r == -E2BIG ? "have more sources than can move" : "cannot be looked at",
			   strerror(-r));
}

static int check(pid_t pid, const struct descriptions *descriptions,
		 struct description *description, struct refusal *refusal)
{
	(void)descriptions;
	return inet_check(pid, description, take_groups, refusal);
}

static int check_queues(const struct os_inet *inet, int number, struct refusal *refusal)
{
	if (inet->waiting)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the listening TCP socket of descriptor %d has connections that "
				   "the process has not accepted, which are not carried",
				   number);
	if (inet->has_data && inet->kind.is_raw)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the raw socket of descriptor %d has packets in it that the "
				   "process has not received, which are not carried",
				   number);
	if (inet->has_part)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the UDP socket of descriptor %d has a datagram in it that has "
				   "not left (UDP_CORK, MSG_MORE), which is not carried",
				   number);
	return 0;
}

static int append_rest(struct contents *contents, const struct os_inet *inet)
{
	struct socket_rest rest = { .gid = inet->kind.gid, .peer_port = inet->peer.port };

	memcpy(rest.peer, inet->peer.address.byte, sizeof(rest.peer));
	return inet_append_piece(contents, INET_REST, &rest, sizeof(rest));
}

/* Whether another one of UDP has the same port, so that a datagram may come to that one. */
static bool has_neighbour(const struct descriptions *descriptions,
			  const struct description *description)
{
	const struct socket_body body = body_of(&description->image);

	for (uint32_t i = 0; i < descriptions->count; i++) {
		const struct description *at = &descriptions->description[i];

		if (at == description || at->kind != description->kind)
			continue;
		const struct socket_body other = body_of(&at->image);

		if (other.port == body.port && other.flags & SOCKET_UDP)
			return true;
	}
	return false;
}

static int take_queue(int fd, const struct descriptions *descriptions,
		      struct description *description, const struct os_inet *inet)
{
	return has_neighbour(descriptions, description)
		       ? -EXDEV
		       : inet_queue_take(fd, inet, &description->contents);
}

static int refuse_queue(int number, int r, struct refusal *refusal)
{
	if (r == -EXDEV)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the UDP socket of descriptor %d has datagrams in it that "
				   "cannot be given to another socket: it has its port with "
				   "others, is bound to an interface, or is connected to another "
				   "address than their sender's; let them be received first",
				   number);
	if (r == -E2BIG)
		return refusal_set(refusal, EDVS2BIG,
				   "the UDP socket of descriptor %d has more datagrams in it, or "
				   "longer ones, than can move; let them be received first",
				   number);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the datagrams in the UDP socket of descriptor %d cannot be looked at: "
			   "%s",
			   number, strerror(-r));
}

static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	int fd = os_pid_descriptor(frozen->pid, description->number);
	struct os_inet inet = { 0 };
	int r = fd < 0 ? fd : os_inet_look(fd, &inet);

	if (r == 0)
		r = append_rest(&description->contents, &inet);
	int queued = r == 0 && inet.has_data && inet.kind.is_udp
			     ? take_queue(fd, frozen->descriptions, description, &inet)
			     : 0;

	os_close(fd);
	if (queued)
		return refuse_queue(description->number, queued, refusal);
	if (r)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the socket of descriptor %d cannot be looked at: %s",
				   description->number, strerror(-r));
	return check_queues(&inet, description->number, refusal);
}

/* ---- target ---- */

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct socket_body body = body_of(image);

	(void)files, (void)before, (void)complete;
	return inet_is_of_family(body.flags & SOCKET_V6, own_end(&body).address) &&
	       !(body.flags & ~SOCKET_FLAGS) && body.device[sizeof(body.device) - 1] == 0 &&
	       !(body.flags & (SOCKET_UDP | SOCKET_RAW) && body.flags & SOCKET_LISTENS) &&
	       !(body.flags & SOCKET_RAW && body.flags & SOCKET_UDP) &&
	       !(body.flags & SOCKET_LITE && !(body.flags & SOCKET_UDP)) &&
	       !(body.protocol && !(body.flags & SOCKET_RAW)) && body.uid != UINT32_MAX;
}

static bool whole(const struct description *description, const struct descriptions *all,
		  const struct descriptors *descriptors)
{
	const struct socket_body body = body_of(&description->image);
	struct socket_rest rest;

	(void)all, (void)descriptors;
	return inet_are_pieces(&description->contents) &&
	       inet_find_rest(&description->contents, &rest, sizeof(rest)) &&
	       inet_is_of_family(body.flags & SOCKET_V6, peer_end(&rest).address);
}

static int refuse_end(const struct socket_body *body, int r, struct refusal *refusal)
{
	const struct os_inet_end own = own_end(body);
	const struct os_inet_kind kind = kind_in(body);
	const char *protocol = protocol_of(&kind);
	char text[ADDRESS_TEXT];

	address_print(own.address, text);
	if (r == -EADDRNOTAVAIL)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a %s socket at the address %s, which the "
				   "target does not have",
				   protocol, text);
	if (r == -ENODEV && body->device[0])
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a %s socket bound to the interface %s, which "
				   "the target does not have",
				   protocol, body->device);
	if (r == -EADDRINUSE)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a %s socket at port %u of %s, which is in use "
				   "on the target",
				   protocol, own.port, text);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make a %s socket of the process: %s", protocol,
			   strerror(-r));
}

static int fits(const struct image_description *image, struct refusal *refusal)
{
	const struct socket_body body = body_of(image);
	const struct os_inet_kind kind = kind_in(&body);
	const struct os_inet_end own = own_end(&body);
	int r = os_inet_try(&kind, &own);

	return r ? refuse_end(&body, r, refusal) : 0;
}

static struct socket_rest rest_of(const struct contents *contents)
{
	struct socket_rest rest = { 0 };
	bool found = inet_find_rest(contents, &rest, sizeof(rest));

	assert(found); /* whole() saw to it */
	return rest;
}

/* Options first: some decide how it can be bound. An address that moves with the process is not here yet. */
static int settle(int fd, const struct socket_body *body, const struct socket_rest *rest,
		  bool was_foreign)
{
	const struct os_inet_end own = own_end(body);
	const struct os_inet_end peer = peer_end(rest);
	bool is_v6 = body->flags & SOCKET_V6;
	bool comes = body->flags & SOCKET_MOVES;
	int r = comes ? os_inet_be_foreign(fd, is_v6, true) : 0;

	assert(fd >= 0);
	if (r)
		return r;
	if (own.port || !os_inet_is_any(own.address))
		r = os_inet_bind(fd, is_v6, &own);
	if (r == 0 && peer.port)
		r = os_inet_connect(fd, is_v6, &peer);
	if (r == 0 && comes)
		r = os_inet_be_foreign(fd, is_v6, was_foreign);
	return r;
}

static int join_groups(int fd, const struct description *description, struct refusal *refusal)
{
	int r = inet_members_join(fd, &description->contents);

	return r ? refusal_set(refusal, EDVSPROCSTS,
			       "the target cannot make a socket of the process a member of its "
			       "multicast groups: %s",
			       r == -ENODEV ? "it has not their interface" : strerror(-r))
		 : 0;
}

/*
 * Whether one that has given up SO_REUSEPORT has its port with one that has not: while they are made, all have it, or
 * the second one could not be bound.
 */
static bool shares_port(const struct descriptions *all, const struct description *description)
{
	const struct socket_body body = body_of(&description->image);

	for (uint32_t i = 0; i < all->count && body.port; i++) {
		const struct description *at = &all->description[i];

		if (at->kind != description->kind || port_of(&at->image) != body.port)
			continue;
		const struct socket_body other = body_of(&at->image);

		if ((other.flags ^ body.flags) & SOCKET_REUSES_PORT &&
		    !((other.flags ^ body.flags) & SOCKET_UDP))
			return true;
	}
	return false;
}

static int settle_all(int fd, const struct description *description, bool shares,
		      struct refusal *refusal)
{
	const struct socket_body body = body_of(&description->image);
	const struct socket_rest rest = rest_of(&description->contents);
	bool was_foreign = inet_has_transparent(&description->contents, body.flags & SOCKET_V6);
	int r = inet_options_give(fd, &description->contents, refusal);

	if (r == 0)
		r = join_groups(fd, description, refusal);
	if (r)
		return r;
	r = shares ? os_inet_share_port(fd, true) : 0;
	if (r == 0)
		r = settle(fd, &body, &rest, was_foreign);
	if (r == 0)
		r = os_open_set_flags(fd, description->image.flags);
	return r ? refuse_end(&body, r, refusal) : 0;
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	const struct socket_body body = body_of(&description->image);
	struct os_inet_kind kind = kind_in(&body);

	kind.gid = rest_of(&description->contents).gid;
	int fd = os_inet_new(&kind);
	bool shares = restore && shares_port(&restore->picture.tables->descriptions, description);
	int r = fd < 0 ? refuse_end(&body, fd, refusal)
		       : settle_all(fd, description, shares, refusal);

	if (r == 0)
		return fd;
	os_close(fd);
	return r;
}

/* Those of UDP that have a port with others get datagrams by the order in which they were bound. */
static bool opens_ahead(const struct descriptions *all, const struct description *description)
{
	const uint32_t flags = body_of(&description->image).flags;

	return flags & SOCKET_UDP && !(flags & (SOCKET_REUSES_ADDRESS | SOCKET_REUSES_PORT)) &&
	       !shares_port(all, description);
}

/* When all are bound: a port is shared with one that is bound, and not with one that listens. */
static int join(struct restore *restore, struct description *description, struct refusal *refusal)
{
	const struct socket_body body = body_of(&description->image);

	if (!(body.flags & SOCKET_LISTENS))
		return 0;
	int fd = os_pid_descriptor(restore->pid, description->number);
	int r = fd < 0 ? fd : os_inet_listen(fd, body.backlog);

	os_close(fd);
	return r ? refuse_end(&body, r, refusal) : 0;
}

/* Its address is here. A datagram that cannot be given to the socket is lost, as each may be. */
static void resume(const struct descriptions *all, const struct description *description)
{
	const struct socket_body body = body_of(&description->image);
	bool is_shut = body.flags & (SOCKET_READS_END | SOCKET_WRITES_END);
	bool is_udp = body.flags & SOCKET_UDP, shares = shares_port(all, description);
	int fd = is_udp || shares ? os_pid_descriptor(description->pid, description->number) : -1;

	if (fd >= 0 && shares)
		os_inet_share_port(fd, body.flags & SOCKET_REUSES_PORT);
	if (fd >= 0 && is_udp)
		inet_queue_fill(fd, body.flags & SOCKET_LITE, &description->contents);
	if (fd >= 0 && is_shut)
		os_inet_shut(fd, body.flags & SOCKET_READS_END, body.flags & SOCKET_WRITES_END);
	os_close(fd);
}

static const char *label(const struct image_description *image, const struct files *files)
{
	const struct socket_body body = body_of(image);

	(void)files;
	if (body.flags & SOCKET_LISTENS)
		return "a listening TCP socket";
	if (body.flags & SOCKET_RAW)
		return "a raw socket";
	return body.flags & SOCKET_UDP ? "a UDP socket" : "a TCP socket";
}

const struct kind kind_inet_socket = {
	.name = "a TCP or UDP socket",
	.common = "is also open in",
	.remedy = "",
	.may_spread = true,
	.find = find,
	.finds_alone = true,
	.check = check,
	.write = complete,
	.read = read_body,
	.whole = whole,
	.fits = fits,
	.open = open_here,
	.opens_ahead = opens_ahead,
	.join = join,
	.resume = resume,
	.shared = KIND_SHARE_DESCRIPTION,
	.label = label,
};
