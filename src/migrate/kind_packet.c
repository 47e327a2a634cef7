/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet sockets, with their options and filter, the addresses that they have an interface take packets for, their ring
 * of packets, and the group that shares its packets. The interfaces are known by their names. Packets are those of a
 * network, and those that come while the process moves belong to the one that it leaves.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/inet.h"
#include "migrate/restore.h"
#include "os/inode.h"
#include "os/open.h"
#include "os/packet.h"
#include "os/pid.h"
#include "os/socket.h"

struct packet_body {
	char device[OS_PACKET_DEVICE_BYTES];
	uint32_t uid;
	uint16_t type, protocol;
	uint32_t pad[2];
};

/* Facts that the offer need not tell. */
struct packet_rest {
	uint32_t gid, fanout, member_count;
	struct os_packet_ring received, sent;
	struct os_packet_member member[OS_PACKET_MEMBERS_MAX];
};

_Static_assert(sizeof(struct packet_body) <= IMAGE_BODY_BYTES, "layout");
_Static_assert(sizeof(struct packet_rest) == 12 + 2 * 28 + OS_PACKET_MEMBERS_MAX * 56, "layout");

static struct packet_body body_of(const struct image_description *image)
{
	struct packet_body body;

	memcpy(&body, image->body, sizeof(body));
	return body;
}

/* ---- source ---- */

static int refuse(int number, int r, struct refusal *refusal)
{
	const char *why =
		r == -ENODEV	 ? "has an interface that is not there any more"
		: r == -E2BIG	 ? "has more addresses than can move"
		: r == -ENOTCONN ? "has an error that the process was not told of"
		: r == -EACCES
			? "is one of a group whose packets a program shares out (PACKET_FANOUT)"
		: r == -EOPNOTSUPP ? "is one that the kernel does not tell of"
				   : strerror(-r);

	return refusal_set(refusal, EDVSPROCSTS,
			   "the packet socket of descriptor %d %s; that is not carried", number,
			   why);
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	struct os_packet packet;
	int r = seen->socket < 0 ? -EPROTOTYPE : os_packet_look(seen->socket, &packet);

	if (r)
		return r == -EPROTOTYPE ? 0 : refuse(seen->number, r, refusal);
	struct packet_body body = { .uid = seen->status->uid,
				    .type = packet.type,
				    .protocol = packet.protocol };

	memcpy(body.device, packet.device, sizeof(body.device));
	memcpy(image->body, &body, sizeof(body));
	return 1;
}

static int check(pid_t pid, const struct descriptions *descriptions,
		 struct description *description, struct refusal *refusal)
{
	(void)descriptions;
	return inet_check(pid, description, NULL, refusal);
}

static int take(int fd, struct description *description, bool *has_data)
{
	struct os_packet packet = { 0 };
	struct os_status status = { 0 };
	struct packet_rest rest = { 0 };
	int r = os_packet_look(fd, &packet);

	assert(fd >= 0);
	if (r == 0)
		r = os_status(fd, &status);
	if (r)
		return r;
	rest.gid = status.gid;
	rest.fanout = packet.fanout;
	rest.member_count = packet.member_count;
	rest.received = packet.received;
	rest.sent = packet.sent;
	memcpy(rest.member, packet.member, sizeof(rest.member));
	*has_data = packet.has_data;
	return inet_append_piece(&description->contents, INET_REST, &rest, sizeof(rest));
}

static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	int fd = os_pid_descriptor(frozen->pid, description->number);
	bool has_data = false;
	int r = fd < 0 ? fd : take(fd, description, &has_data);

	os_close(fd);
	if (r)
		return refuse(description->number, r, refusal);
	if (has_data)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the packet socket of descriptor %d has packets in it that the "
				   "process has not received, which are not carried; let them be "
				   "read first",
				   description->number);
	return 0;
}

/* ---- target ---- */

static bool is_name(const char device[OS_PACKET_DEVICE_BYTES])
{
	return memchr(device, 0, OS_PACKET_DEVICE_BYTES);
}

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct packet_body body = body_of(image);

	(void)files, (void)before, (void)complete;
	return is_name(body.device) && os_packet_is_type(body.type) && body.uid != UINT32_MAX;
}

static bool whole(const struct description *description, const struct descriptions *all,
		  const struct descriptors *descriptors)
{
	struct packet_rest rest;

	(void)all, (void)descriptors;
	if (!inet_are_pieces(&description->contents) ||
	    !inet_find_rest(&description->contents, &rest, sizeof(rest)) ||
	    rest.member_count > OS_PACKET_MEMBERS_MAX)
		return false;
	for (uint32_t i = 0; i < rest.member_count; i++)
		if (!is_name(rest.member[i].device) || !rest.member[i].count ||
		    rest.member[i].count > OS_PACKET_COUNT_MAX ||
		    rest.member[i].length > sizeof(rest.member[i].address))
			return false;
	return true;
}

static int refuse_making(const struct packet_body *body, int r, struct refusal *refusal)
{
	if (r == -ENODEV && body->device[0])
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a packet socket bound to the interface %s, "
				   "which the target does not have",
				   body->device);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make a packet socket of the process: %s",
			   strerror(-r));
}

static int fits(const struct image_description *image, struct refusal *refusal)
{
	const struct packet_body body = body_of(image);

	return os_packet_has_device(body.device) ? 0 : refuse_making(&body, -ENODEV, refusal);
}

/* The filter and the options first: nothing is heard that the process would not hear. */
static int settle(int fd, const struct description *description, const struct os_packet *packet,
		  struct refusal *refusal)
{
	const struct packet_body body = body_of(&description->image);
	int r = inet_options_give(fd, &description->contents, refusal);

	assert(fd >= 0);
	if (r)
		return r;
	r = os_packet_begin(fd, packet);
	if (r == 0)
		r = os_open_set_flags(fd, description->image.flags);
	return r ? refuse_making(&body, r, refusal) : 0;
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	const struct packet_body body = body_of(&description->image);
	struct packet_rest rest = { 0 };
	bool found = inet_find_rest(&description->contents, &rest, sizeof(rest));

	(void)restore;
	assert(found); /* whole() saw to it */
	(void)found;
	struct os_packet packet = { .type = body.type,
				    .protocol = body.protocol,
				    .member_count = rest.member_count,
				    .received = rest.received,
				    .sent = rest.sent,
				    .fanout = rest.fanout };

	memcpy(packet.device, body.device, sizeof(packet.device));
	memcpy(packet.member, rest.member, sizeof(packet.member));
	int fd = os_packet_new(&packet, body.uid, rest.gid);

	if (fd < 0)
		return refuse_making(&body, fd, refusal);
	int r = settle(fd, description, &packet, refusal);

	if (r == 0)
		return fd;
	os_close(fd);
	return r;
}

const struct kind kind_packet = {
	.name = "a packet socket",
	.common = "is also open in",
	.remedy = "",
	.find = find,
	.check = check,
	.write = complete,
	.read = read_body,
	.whole = whole,
	.fits = fits,
	.open = open_here,
	.shared = KIND_SHARE_DESCRIPTION,
};
