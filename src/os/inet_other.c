/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inet_other.h"

#include <assert.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

#include "os/interface.h"
#include "os/netlink_ask.h"

#define V4_AT		(ADDRESS_BYTES - sizeof(struct in_addr))
#define STATE_FIN_WAIT1 4 /* the kernel's numbers */
#define STATE_FIN_WAIT2 5
#define STATE_TIME_WAIT 6
#define STATE_LAST_ACK	9
#define STATE_LISTEN	10
#define STATE_CLOSING	11
#define SHUT_WRITES	2

static int put_address(__be32 to[4], struct address address)
{
	if (address_is_v4(address))
		memcpy(to, address.byte + V4_AT, sizeof(to[0]));
	else
		memcpy(to, address.byte, sizeof(address.byte));
	return address_is_v4(address) ? AF_INET : AF_INET6;
}

struct found {
	struct inet_diag_msg socket;
	bool is_told, writes_end;
};

static int on_socket(const struct nlmsghdr *head, void *ctx)
{
	struct found *found = ctx;
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(head) < sizeof(found->socket))
		return MNL_CB_STOP;
	memcpy(&found->socket, mnl_nlmsg_get_payload(head), sizeof(found->socket));
	found->is_told = true;
	mnl_attr_for_each(attr, head, sizeof(found->socket))
	{
		if (mnl_attr_get_type(attr) == INET_DIAG_SHUTDOWN)
			found->writes_end = mnl_attr_get_u8(attr) & SHUT_WRITES;
	}
	return MNL_CB_STOP;
}

/* Names the socket that the kernel has between these two. */
static struct nlmsghdr *begin(uint8_t buffer[OS_NETLINK_ASK_BYTES], uint16_t type, uint16_t flags,
			      uint8_t protocol, const struct os_inet_end *own,
			      const struct os_inet_end *peer)
{
	struct nlmsghdr *head = os_netlink_ask_begin(buffer, type, flags);
	struct inet_diag_req_v2 *body = mnl_nlmsg_put_extra_header(head, sizeof(*body));

	assert(own && peer);
	body->sdiag_protocol = protocol;
	body->idiag_states = UINT32_MAX;
	body->id.idiag_sport = htons(own->port);
	body->id.idiag_dport = htons(peer->port);
	body->id.idiag_cookie[0] = body->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	body->sdiag_family = (uint8_t)put_address(body->id.idiag_src, own->address);
	put_address(body->id.idiag_dst, peer->address);
	return head;
}

static int look_for(uint8_t protocol, const struct os_inet_end *own, const struct os_inet_end *peer,
		    struct found *found)
{
	uint8_t buffer[OS_NETLINK_ASK_BYTES];
	struct nlmsghdr *head = begin(buffer, SOCK_DIAG_BY_FAMILY, 0, protocol, own, peer);

	*found = (struct found){ 0 };
	int r = os_netlink_ask(NETLINK_SOCK_DIAG, head, on_socket, found);

	return r == 0 && !found->is_told ? -EIO : r;
}

/* Of TCP. -ENOENT: nothing, or one that listens. */
static int look(const struct os_inet_end *own, const struct os_inet_end *peer, struct found *found)
{
	int r = look_for(IPPROTO_TCP, own, peer, found);

	return r == 0 && found->socket.idiag_state == STATE_LISTEN ? -ENOENT : r;
}

bool os_inet_udp_writes_end(const struct os_inet *inet, uint32_t inode)
{
	struct found found;
	struct os_inet_end peer = inet->peer;
	static const uint8_t nowhere[4];
	uint8_t protocol = inet->kind.is_lite ? IPPROTO_UDPLITE : IPPROTO_UDP;

	if (!peer.port && address_is_v4(inet->own.address))
		peer.address = address_v4(nowhere);
	/* Of UDP, the sender of a datagram is asked for first. */
	return look_for(protocol, &peer, &inet->own, &found) == 0 &&
	       found.socket.idiag_inode == inode && found.writes_end;
}

static bool has_ended(unsigned state)
{
	return state == STATE_FIN_WAIT1 || state == STATE_FIN_WAIT2 || state == STATE_TIME_WAIT ||
	       state == STATE_LAST_ACK || state == STATE_CLOSING;
}

int os_inet_other_find(const struct os_inet_end *own, const struct os_inet_end *peer)
{
	struct found found;
	int r = look(own, peer, &found);

	assert(own->port && peer->port);
	if (r)
		return r == -ENOENT ? -EOPNOTSUPP : r; /* this end is there */
	r = look(peer, own, &found);
	if (r == -ENOENT)
		return OS_INET_OTHER_GONE;
	if (r)
		return r;
	const struct inet_diag_msg *socket = &found.socket;

	if (socket->idiag_inode)
		return OS_INET_OTHER_OWNED;
	if (!has_ended(socket->idiag_state))
		return OS_INET_OTHER_WAITS;
	/* The end itself counts as one byte. */
	return socket->idiag_state == STATE_FIN_WAIT1 && socket->idiag_wqueue > 1
		       ? OS_INET_OTHER_CLOSING
		       : OS_INET_OTHER_GONE;
}

int os_inet_other_forget(const struct os_inet_end *own, const struct os_inet_end *peer)
{
	uint8_t buffer[OS_NETLINK_ASK_BYTES];

	assert(own->port && peer->port);
	return os_netlink_ask(NETLINK_SOCK_DIAG,
			      begin(buffer, SOCK_DESTROY, NLM_F_ACK, IPPROTO_TCP, own, peer), NULL,
			      NULL);
}

bool os_inet_is_multicast(struct address address)
{
	return address_is_v4(address) ? address.byte[V4_AT] >> 4 == 0xe : address.byte[0] == 0xff;
}

/* An address of one link is that of an interface, which the routes are not asked about. */
bool os_inet_is_here(struct address address)
{
	return !os_inet_is_any(address) && !os_inet_is_of_link(address) &&
	       os_interface_routes_here(0, address);
}
