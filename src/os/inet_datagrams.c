/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inet_datagrams.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "os/inet_other.h"

#ifndef IPV6_RECVORIGDSTADDR
#define IPV6_RECVORIGDSTADDR 74
#endif

static int get(int fd, int level, int option, void *value)
{
	socklen_t bytes = sizeof(int);

	return getsockopt(fd, level, option, value, &bytes) ? -errno : 0;
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

/* ---- out of a socket ---- */

/* The settings that a look needs, and those that the program has. */
struct told {
	int from, v4, v6;
};

static int begin(int fd, struct told *before)
{
	before->v6 = -1;
	int r = get(fd, SOL_SOCKET, SO_PEEK_OFF, &before->from);

	if (r == 0)
		r = get(fd, IPPROTO_IP, IP_RECVORIGDSTADDR, &before->v4);
	get(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, &before->v6);
	if (r == 0)
		r = set(fd, SOL_SOCKET, SO_PEEK_OFF, 0);
	if (r == 0)
		r = set(fd, IPPROTO_IP, IP_RECVORIGDSTADDR, 1);
	if (r == 0 && before->v6 >= 0)
		r = set(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1);
	return r;
}

static void end(int fd, const struct told *before)
{
	set(fd, SOL_SOCKET, SO_PEEK_OFF, before->from);
	set(fd, IPPROTO_IP, IP_RECVORIGDSTADDR, before->v4);
	if (before->v6 >= 0)
		set(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, before->v6);
}

/* An address of IPv4 is one in both forms. */
static struct os_inet_end end_of(const void *name)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct os_inet_end found = { 0 };

	memcpy(&v4, name, sizeof(v4));
	if (v4.sin_family == AF_INET) {
		found.address = address_v4((const uint8_t *)&v4.sin_addr);
		found.port = ntohs(v4.sin_port);
		return found;
	}
	memcpy(&v6, name, sizeof(v6));
	memcpy(found.address.byte, &v6.sin6_addr, sizeof(found.address.byte));
	found.port = ntohs(v6.sin6_port);
	return found;
}

static bool find_to(struct msghdr *message, struct os_inet_end *to)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
	     part = CMSG_NXTHDR(message, part)) {
		bool is_v4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_ORIGDSTADDR;
		bool is_v6 =
			part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVORIGDSTADDR;

		if (!is_v4 && !is_v6)
			continue;
		*to = end_of(CMSG_DATA(part));
		return true;
	}
	return false;
}

/* The next one. Its length; -EAGAIN: there is none. */
static ssize_t look_at(int fd, uint8_t *bytes, struct os_inet_way *way)
{
	struct sockaddr_storage from = { 0 };
	_Alignas(struct cmsghdr) char parts[1024];
	struct iovec into = { bytes, OS_INET_DATAGRAM_MAX };
	struct msghdr message = { .msg_name = &from,
				  .msg_namelen = sizeof(from),
				  .msg_iov = &into,
				  .msg_iovlen = 1,
				  .msg_control = parts,
				  .msg_controllen = sizeof(parts) };
	ssize_t got = recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT);

	if (got < 0)
		return -errno;
	way->from = end_of(&from);
	return find_to(&message, &way->to) ? got : -EBADMSG;
}

int os_inet_datagrams_look(int fd, uint16_t port, os_inet_each_datagram each, void *ctx)
{
	uint8_t *bytes = malloc(OS_INET_DATAGRAM_MAX);
	struct told before;
	int r = bytes ? begin(fd, &before) : -ENOMEM;

	assert(each);
	while (r == 0) {
		struct os_inet_way way = { 0 };
		ssize_t length = look_at(fd, bytes, &way);

		way.to.port = port;
		r = length < 0 ? (int)length : each(ctx, &way, bytes, (size_t)length);
	}
	if (bytes)
		end(fd, &before);
	free(bytes);
	return r == -EAGAIN ? 0 : r;
}

/* ---- into a socket ---- */

int os_inet_datagrams_put(const struct os_inet_way *way, const uint8_t *bytes, size_t length)
{
	static const uint8_t v4[] = { 127, 0, 0, 1 };
	struct os_inet_way here = *way;

	assert(way->to.port);
	if (!os_inet_is_here(way->to.address))
		here.to.address = address_is_v4(way->to.address)
					  ? address_v4(v4)
					  : (struct address){ { [ADDRESS_BYTES - 1] = 1 } };
	return os_inet_packet_datagram(&here, bytes, length);
}
