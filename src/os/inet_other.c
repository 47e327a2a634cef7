/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inet_other.h"

#include <assert.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "os/loop.h"
#include "os/socket.h"

#define V4_AT		(ADDRESS_BYTES - sizeof(struct in_addr))
#define STATE_FIN_WAIT1 4 /* the kernel's numbers */
#define STATE_FIN_WAIT2 5
#define STATE_TIME_WAIT 6
#define STATE_LAST_ACK	9
#define STATE_LISTEN	10
#define STATE_CLOSING	11
#define ANSWER_WAITS_MS 1000 /* the kernel answers before send() returns */

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

static int ask(const struct os_inet_end *own, const struct os_inet_end *peer)
{
	struct question question = {
		.head = { .nlmsg_len = sizeof(question),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST },
		.body = { .sdiag_protocol = IPPROTO_TCP,
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

/* The socket that the kernel has between these two. -ENOENT: nothing, or one that listens. */
static int look(const struct os_inet_end *own, const struct os_inet_end *peer,
		struct inet_diag_msg *found)
{
	union {
		struct nlmsghdr head;
		char bytes[4096];
	} answer;
	int fd = ask(own, peer);

	if (fd < 0)
		return fd;
	int r = os_poll(fd, OS_READ, ANSWER_WAITS_MS);
	ssize_t got = r ? 0 : recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);

	if (r == 0 && got < 0)
		r = -errno;
	os_close(fd);
	if (r)
		return r;
	if (!NLMSG_OK(&answer.head, (size_t)got))
		return -EIO;
	if (answer.head.nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *error = NLMSG_DATA(&answer.head);

		return error->error ? error->error : -EIO;
	}
	if (answer.head.nlmsg_len < NLMSG_LENGTH(sizeof(*found)))
		return -EIO;
	memcpy(found, NLMSG_DATA(&answer.head), sizeof(*found));
	return found->idiag_state == STATE_LISTEN ? -ENOENT : 0;
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

bool os_inet_is_here(struct address address)
{
	const struct os_inet_kind kind = { .is_v6 = !address_is_v4(address),
					   .uid = UINT32_MAX,
					   .gid = UINT32_MAX };
	const struct os_inet_end end = { .address = address };

	return !os_inet_is_any(address) && os_inet_try(&kind, &end) == 0;
}
