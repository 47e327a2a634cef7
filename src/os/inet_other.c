/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inet_other.h"

#include <assert.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "os/socket.h"

#define V4_AT		(ADDRESS_BYTES - sizeof(struct in_addr))
#define STATE_FIN_WAIT1 4 /* the kernel's numbers */
#define STATE_FIN_WAIT2 5
#define STATE_TIME_WAIT 6
#define STATE_LAST_ACK	9
#define STATE_LISTEN	10
#define STATE_CLOSING	11
#define SHUT_WRITES	2

struct question {
	struct nlmsghdr head;
	struct inet_diag_req_v2 body;
};

static int put_address(__be32 to[4], struct address address)
{
	if (address_is_v4(address))
		memcpy(to, address.byte + V4_AT, sizeof(to[0]));
	else
		memcpy(to, address.byte, sizeof(address.byte));
	return address_is_v4(address) ? AF_INET : AF_INET6;
}

static int ask(uint8_t protocol, const struct os_inet_end *own, const struct os_inet_end *peer)
{
	struct question question = {
		.head = { .nlmsg_len = sizeof(question),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST },
		.body = { .sdiag_protocol = protocol,
			  .idiag_states = UINT32_MAX,
			  .id = { .idiag_sport = htons(own->port),
				  .idiag_dport = htons(peer->port),
				  .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } } },
	};
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (fd < 0)
		return -errno;
	question.body.sdiag_family = (uint8_t)put_address(question.body.id.idiag_src, own->address);
	put_address(question.body.id.idiag_dst, peer->address);
	if (send(fd, &question, sizeof(question), 0) == (ssize_t)sizeof(question))
		return fd;
	int r = -errno;

	os_close(fd);
	return r;
}

union answer {
	struct nlmsghdr head;
	char bytes[4096];
};

/* The socket that the kernel has between these two. */
static int look_for(uint8_t protocol, const struct os_inet_end *own, const struct os_inet_end *peer,
		    union answer *answer, struct inet_diag_msg *found)
{
	int fd = ask(protocol, own, peer);

	if (fd < 0)
		return fd;
	/* The kernel has answered before send() returned. */
	ssize_t got = recv(fd, answer, sizeof(*answer), MSG_DONTWAIT);
	int r = got < 0 ? -errno : 0;

	os_close(fd);
	if (r)
		return r;
	if (!NLMSG_OK(&answer->head, (size_t)got))
		return -EIO;
	if (answer->head.nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *error = NLMSG_DATA(&answer->head);

		return error->error ? error->error : -EIO;
	}
	if (answer->head.nlmsg_len < NLMSG_LENGTH(sizeof(*found)))
		return -EIO;
	memcpy(found, NLMSG_DATA(&answer->head), sizeof(*found));
	return 0;
}

/* Of TCP. -ENOENT: nothing, or one that listens. */
static int look(const struct os_inet_end *own, const struct os_inet_end *peer,
		struct inet_diag_msg *found)
{
	union answer answer;
	int r = look_for(IPPROTO_TCP, own, peer, &answer, found);

	return r == 0 && found->idiag_state == STATE_LISTEN ? -ENOENT : r;
}

bool os_inet_udp_writes_end(const struct os_inet *inet, uint32_t inode)
{
	union answer answer;
	struct inet_diag_msg found;
	struct os_inet_end peer = inet->peer;
	static const uint8_t nowhere[4];
	uint8_t protocol = inet->kind.is_lite ? IPPROTO_UDPLITE : IPPROTO_UDP;

	if (!peer.port && address_is_v4(inet->own.address))
		peer.address = address_v4(nowhere);
	/* Of UDP, the sender of a datagram is asked for first. */
	if (look_for(protocol, &peer, &inet->own, &answer, &found) || found.idiag_inode != inode)
		return false;
	int left = (int)answer.head.nlmsg_len - (int)NLMSG_LENGTH(sizeof(found));
	const char *begin = (const char *)NLMSG_DATA(&answer.head) + NLMSG_ALIGN(sizeof(found));

	for (const struct rtattr *part = (const struct rtattr *)(const void *)begin;
	     RTA_OK(part, left); part = RTA_NEXT(part, left))
		if (part->rta_type == INET_DIAG_SHUTDOWN && RTA_PAYLOAD(part) >= 1)
			return *(const uint8_t *)RTA_DATA(part) & SHUT_WRITES;
	return false;
}

static bool has_ended(unsigned state)
{
	return state == STATE_FIN_WAIT1 || state == STATE_FIN_WAIT2 || state == STATE_TIME_WAIT ||
	       state == STATE_LAST_ACK || state == STATE_CLOSING;
}

int os_inet_other_find(const struct os_inet_end *own, const struct os_inet_end *peer)
{
	struct inet_diag_msg found;
	int r = look(own, peer, &found);

	assert(own->port && peer->port);
	if (r)
		return r == -ENOENT ? -EOPNOTSUPP : r; /* this end is there */
	r = look(peer, own, &found);
	if (r == -ENOENT)
		return OS_INET_OTHER_GONE;
	if (r)
		return r;
	if (found.idiag_inode)
		return OS_INET_OTHER_OWNED;
	if (!has_ended(found.idiag_state))
		return OS_INET_OTHER_WAITS;
	/* The end itself counts as one byte. */
	return found.idiag_state == STATE_FIN_WAIT1 && found.idiag_wqueue > 1
		       ? OS_INET_OTHER_CLOSING
		       : OS_INET_OTHER_GONE;
}

bool os_inet_is_multicast(struct address address)
{
	return address_is_v4(address) ? address.byte[V4_AT] >> 4 == 0xe : address.byte[0] == 0xff;
}

/* To the address of all machines of a network a fresh socket may send nothing. */
static bool is_of_one(struct address address)
{
	const struct os_inet_kind kind = { .is_v6 = !address_is_v4(address),
					   .is_udp = true,
					   .uid = UINT32_MAX,
					   .gid = UINT32_MAX };
	const struct os_inet_end end = { .address = address, .port = 9 };
	int fd = os_inet_new(&kind);
	int r = fd < 0 ? fd : os_inet_connect(fd, kind.is_v6, &end);

	os_close(fd);
	return r == 0;
}

bool os_inet_is_here(struct address address)
{
	const struct os_inet_kind kind = { .is_v6 = !address_is_v4(address),
					   .uid = UINT32_MAX,
					   .gid = UINT32_MAX };
	const struct os_inet_end end = { .address = address };

	return !os_inet_is_any(address) && !os_inet_is_multicast(address) &&
	       os_inet_try(&kind, &end) == 0 && is_of_one(address);
}
