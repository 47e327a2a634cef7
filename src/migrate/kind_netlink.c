/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink sockets of routing (rtnetlink), of sockets (sock_diag) and of devices (uevents), with the groups that they
 * hear. Each request is answered at once, so that a socket without waiting messages owes nothing. In one network
 * namespace the target takes over the very socket: there the port is taken as long as the source has it.
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/inet.h"
#include "migrate/restore.h"
#include "migrate/takeover.h"
#include "os/netlink.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/rights.h"
#include "os/socket.h"

#define PROTOCOL_ROUTE	 0
#define PROTOCOL_SOCKETS 4
#define PROTOCOL_DEVICES 15

struct netlink_body {
	struct takeover takeover;
	uint64_t netns; /* cookie */
	uint32_t port;	/* 0: none yet */
	uint16_t protocol;
	uint16_t is_raw;
	uint32_t pad[2];
};

/* Facts that the offer need not tell. */
struct netlink_rest {
	uint32_t group[OS_NETLINK_GROUP_WORDS];
};

_Static_assert(sizeof(struct netlink_body) <= IMAGE_BODY_BYTES, "layout");
_Static_assert(sizeof(struct netlink_rest) == 16, "layout");

static struct netlink_body body_of(const struct image_description *image)
{
	struct netlink_body body;

	memcpy(&body, image->body, sizeof(body));
	return body;
}

static bool is_known(uint16_t protocol)
{
	return protocol == PROTOCOL_ROUTE || protocol == PROTOCOL_SOCKETS ||
	       protocol == PROTOCOL_DEVICES;
}

/* ---- source ---- */

/* The reason, as the end of a sentence. NULL: it can move as far as it tells itself. */
static const char *reason_against(const struct os_netlink *netlink)
{
	if (!is_known(netlink->protocol))
		return "is of a protocol that has a state in the node's kernel, or numbers of it";
	if (netlink->peer || netlink->sends_to_groups)
		return "is connected to another program, or to groups";
	if (netlink->has_groups_more)
		return "hears groups with numbers above 128";
	return NULL;
}

static int refuse(int number, const char *why, struct refusal *refusal)
{
	return refusal_set(refusal, EDVSPROCSTS,
			   "the netlink socket of descriptor %d %s; that is not carried", number,
			   why);
}

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	struct os_netlink netlink;

	int r = seen->socket < 0 ? -EPROTOTYPE : os_netlink_look(seen->socket, &netlink);

	if (r == -EPROTOTYPE)
		return 0;
	const char *against = r ? "cannot be looked at" : reason_against(&netlink);

	if (against)
		return refuse(seen->number, against, refusal);
	const struct netlink_body body = { .takeover = takeover_of(seen->pid, seen->number),
					   .netns = netlink.netns,
					   .port = netlink.port,
					   .protocol = netlink.protocol,
					   .is_raw = netlink.is_raw };

	memcpy(image->body, &body, sizeof(body));
	return 1;
}

static int check(pid_t pid, const struct descriptions *descriptions,
		 struct description *description, struct refusal *refusal)
{
	(void)descriptions;
	return inet_check(pid, description, NULL, refusal);
}

static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	struct os_netlink netlink = { 0 };
	struct netlink_rest rest;
	int fd = os_pid_descriptor(frozen->pid, description->number);
	int r = fd < 0 ? fd : os_netlink_look(fd, &netlink);

	os_close(fd);
	memcpy(rest.group, netlink.group, sizeof(rest.group));
	if (r == 0)
		r = inet_append_piece(&description->contents, INET_REST, &rest, sizeof(rest));
	if (r)
		return refuse(description->number, "cannot be looked at", refusal);
	if (netlink.has_data)
		return refuse(description->number,
			      "has messages in it that the process has not received", refusal);
	return 0;
}

/* ---- target ---- */

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	const struct netlink_body body = body_of(image);

	(void)files, (void)before, (void)complete;
	return is_known(body.protocol) && body.is_raw <= 1;
}

static bool whole(const struct description *description, const struct descriptions *all,
		  const struct descriptors *descriptors)
{
	struct netlink_rest rest;

	(void)all, (void)descriptors;
	return inet_are_pieces(&description->contents) &&
	       inet_find_rest(&description->contents, &rest, sizeof(rest));
}

static int refuse_making(const struct netlink_body *body, int r, struct refusal *refusal)
{
	if (r == -EADDRINUSE)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the process has a netlink socket with the port %u, which is in "
				   "use on the target",
				   body->port);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make a netlink socket of the process: %s",
			   strerror(-r));
}

static bool is_of_this_namespace(const struct netlink_body *body)
{
	return body->netns && body->netns == os_netlink_netns();
}

static int fits(const struct image_description *image, struct refusal *refusal)
{
	const struct netlink_body body = body_of(image);

	if (!body.port || is_of_this_namespace(&body))
		return 0;
	int fd = os_netlink_new(body.protocol, body.is_raw);
	int r = fd < 0 ? fd : os_netlink_bind(fd, body.port);

	os_close(fd);
	return r ? refuse_making(&body, r, refusal) : 0;
}

/* The kernel looks at the rights of the one that has made it, too. */
static int make_with_rights(const struct restore *restore, const struct netlink_body *body)
{
	const struct image_opener *opener = &restore->picture.process.opener;
	const struct os_rights_wanted wanted = { opener->uid, opener->gid, opener->effective,
						 opener->group, opener->group_count };
	struct os_rights *rights;
	int r = os_rights_assume(&rights, &wanted);

	if (r < 0)
		return r;
	int fd = os_netlink_new(body->protocol, body->is_raw);

	os_rights_give_back(rights);
	return fd;
}

static int settle(int fd, const struct description *description)
{
	assert(fd >= 0);
	const struct netlink_body body = body_of(&description->image);
	struct netlink_rest rest = { 0 };
	bool found = inet_find_rest(&description->contents, &rest, sizeof(rest));

	assert(found); /* whole() saw to it */
	(void)found;
	int r = body.port ? os_netlink_bind(fd, body.port) : 0;

	if (r == 0)
		r = os_netlink_join(fd, rest.group);
	return r ? r : os_open_set_flags(fd, description->image.flags);
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	const struct netlink_body body = body_of(&description->image);
	int fd = is_of_this_namespace(&body)
			 ? takeover_open(restore, &body.takeover, description->image.flags)
			 : -ENOENT;

	if (fd >= 0) {
		description->is_taken_over = true;
		return fd;
	}
	fd = make_with_rights(restore, &body);
	int r = fd < 0 ? refuse_making(&body, fd, refusal)
		       : inet_options_give(fd, &description->contents, refusal);

	if (r == 0) {
		r = settle(fd, description);
		if (r == 0)
			return fd;
		r = refuse_making(&body, r, refusal);
	}
	os_close(fd);
	return r;
}

const struct kind kind_netlink = {
	.name = "a netlink socket",
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
