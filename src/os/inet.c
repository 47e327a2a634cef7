/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inet.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/inet_other.h"
#include "os/socket.h"

#define STATE_ESTABLISHED 1 /* the kernel's numbers */
#define STATE_SYN_SENT	  2
#define STATE_FIN_WAIT1	  4
#define STATE_FIN_WAIT2	  5
#define STATE_CLOSE_WAIT  8
#define STATE_CLOSE	  7
#define STATE_LAST_ACK	  9
#define STATE_LISTEN	  10
#define STATE_CLOSING	  11

#define SO_PEERNAME_AT 28
#define MSG_ASK	       0x10 /* MSG_PROBE, which nothing is sent with */

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

/* An address as the kernel has it. */
union name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

#define V4_AT (ADDRESS_BYTES - sizeof(struct in_addr))

static socklen_t name_of(union name *name, bool is_v6, const struct os_inet_end *end)
{
	memset(name, 0, sizeof(*name));
	assert(is_v6 || address_is_v4(end->address) || !address_is_set(end->address));
	if (!is_v6) {
		name->v4.sin_family = AF_INET;
		name->v4.sin_port = htons(end->port);
		memcpy(&name->v4.sin_addr, end->address.byte + V4_AT, sizeof(name->v4.sin_addr));
		return sizeof(name->v4);
	}
	name->v6.sin6_family = AF_INET6;
	name->v6.sin6_port = htons(end->port);
	memcpy(&name->v6.sin6_addr, end->address.byte, sizeof(name->v6.sin6_addr));
	return sizeof(name->v6);
}

static struct os_inet_end end_of(const union name *name)
{
	struct os_inet_end end = { .port = ntohs(name->v4.sin_port) };

	_Static_assert(offsetof(struct sockaddr_in, sin_port) ==
			       offsetof(struct sockaddr_in6, sin6_port),
		       "both have the port at one place");
	if (name->any.sa_family == AF_INET)
		end.address = address_v4((const uint8_t *)&name->v4.sin_addr);
	else
		memcpy(end.address.byte, &name->v6.sin6_addr, sizeof(end.address.byte));
	return end;
}

bool os_inet_is_any(struct address address)
{
	static const uint8_t nowhere[4];

	return !address_is_set(address) || address_same(address, address_v4(nowhere));
}

bool os_inet_is_of_link(struct address address)
{
	const uint8_t *byte = address.byte;

	if (address_is_v4(address))
		return byte[12] == 169 && byte[13] == 254;
	return byte[0] == 0xfe && (byte[1] & 0xc0) == 0x80;
}

static int option_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t bytes = sizeof(value);

	return getsockopt(fd, level, option, &value, &bytes) ? -errno : value;
}

static bool is_on(int fd, int level, int option)
{
	return option_of(fd, level, option) > 0;
}

struct sort {
	int domain, protocol, type;
};

/* Whether it is one of those that are looked at. */
static bool find_sort(int fd, struct sort *sort)
{
	sort->domain = option_of(fd, SOL_SOCKET, SO_DOMAIN);
	if (sort->domain != AF_INET && sort->domain != AF_INET6)
		return false;
	sort->protocol = option_of(fd, SOL_SOCKET, SO_PROTOCOL);
	sort->type = option_of(fd, SOL_SOCKET, SO_TYPE);
	return (sort->type == SOCK_STREAM && sort->protocol == IPPROTO_TCP) ||
	       sort->type == SOCK_RAW ||
	       (sort->type == SOCK_DGRAM &&
		(sort->protocol == IPPROTO_UDP || sort->protocol == IPPROTO_UDPLITE));
}

bool os_inet_is(int fd)
{
	struct sort sort;

	return find_sort(fd, &sort);
}

/* Of TCP, also while the connection is being made, and when it is over. */
static bool find_peer(int fd, struct os_inet_end *peer)
{
	union name name;
	/* More room than it needs is an error. */
	socklen_t bytes =
		option_of(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET ? sizeof(name.v4) : sizeof(name.v6);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERNAME_AT, &name, &bytes))
		return false;
	*peer = end_of(&name);
	return peer->port;
}

bool os_inet_has_connection(int fd)
{
	uint8_t state = STATE_CLOSE;
	socklen_t bytes = sizeof(state);
	struct os_inet_end peer;

	return os_inet_is(fd) && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &bytes) == 0 &&
	       state != STATE_LISTEN && (state != STATE_CLOSE || find_peer(fd, &peer));
}

static int look_kind(int fd, const struct sort *sort, struct os_inet_kind *kind)
{
	socklen_t bytes = sizeof(kind->device);
	struct stat status;

	assert(fd >= 0);
	if (fstat(fd, &status))
		return -errno;
	*kind = (struct os_inet_kind){
		.is_v6 = sort->domain == AF_INET6,
		.is_udp = sort->type == SOCK_DGRAM,
		.is_lite = sort->type == SOCK_DGRAM && sort->protocol == IPPROTO_UDPLITE,
		.is_raw = sort->type == SOCK_RAW,
		.protocol = sort->type == SOCK_RAW ? (uint16_t)sort->protocol : 0,
		.reuses_address = is_on(fd, SOL_SOCKET, SO_REUSEADDR),
		.reuses_port = is_on(fd, SOL_SOCKET, SO_REUSEPORT),
		.may_be_foreign =
			is_on(fd, IPPROTO_IP, IP_FREEBIND) || is_on(fd, IPPROTO_IP, IP_TRANSPARENT),
		.uid = status.st_uid,
		.gid = status.st_gid,
	};
	if (kind->is_v6)
		kind->is_v6_only = is_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, kind->device, &bytes))
		return -errno;
	kind->device[sizeof(kind->device) - 1] = 0;
	return 0;
}

/* Whether the other end has sent its last byte, and nothing else is left to be read. */
static bool is_at_end(int fd)
{
	/* Without room for the error it is left alone. */
	struct {
		uint64_t address;
		uint32_t length, hint;
	} asked = { 0 };
	socklen_t bytes = sizeof(asked);

	return getsockopt(fd, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &asked, &bytes) && errno == EIO;
}

/*
 * The error itself is gone when it has been asked for. One that was reset was connected before, and nothing was tried
 * again; if all has been read, it is known whether the end had come before.
 */
static int guess_error(int fd, const struct tcp_info *info)
{
	bool was_connected =
		info->tcpi_snd_wnd || info->tcpi_bytes_received || info->tcpi_bytes_acked;

	assert(info->tcpi_state == STATE_CLOSE);
	if (info->tcpi_retransmits || info->tcpi_probes || info->tcpi_backoff || !was_connected)
		return -1;
	return is_at_end(fd) ? EPIPE : ECONNRESET;
}

static void look_closed(int fd, const struct tcp_info *info, struct os_inet *inet)
{
	assert(fd >= 0);
	inet->state = OS_INET_UNCONNECTED;
	if (!find_peer(fd, &inet->peer))
		return;
	inet->state = OS_INET_OVER;
	inet->error = inet->has_error ? guess_error(fd, info) : 0;
}

static int look_tcp(int fd, struct os_inet *inet)
{
	struct tcp_info info = { 0 };
	socklen_t bytes = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes))
		return -errno;
	switch (info.tcpi_state) {
	case STATE_CLOSE:
		look_closed(fd, &info, inet);
		break;
	case STATE_SYN_SENT:
		inet->state = find_peer(fd, &inet->peer) ? OS_INET_STARTS : OS_INET_BETWEEN;
		break;
	case STATE_LISTEN:
		inet->state = OS_INET_LISTENS;
		inet->backlog = info.tcpi_sacked; /* two fields with another use then */
		inet->waiting = info.tcpi_unacked;
		break;
	case STATE_ESTABLISHED:
	case STATE_FIN_WAIT1:
	case STATE_FIN_WAIT2:
	case STATE_CLOSE_WAIT:
	case STATE_CLOSING:
	case STATE_LAST_ACK:
		inet->state = OS_INET_CONNECTED;
		break;
	default:
		inet->state = OS_INET_BETWEEN;
	}
	return 0;
}

/*
 * Bytes that have not left are those of a datagram that is not complete, or of one that waits for its turn. Nothing
 * is added to the former, and without an address there is nowhere to send a new one.
 */
static bool has_part(int fd, bool is_connected)
{
	int bytes = 0;

	if (ioctl(fd, SIOCOUTQ, &bytes) || !bytes)
		return false;
	return is_connected ||
	       send(fd, "", 0, MSG_ASK | MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL) == 0;
}

/* Whether an end that is shut can be read from nevertheless: a poll says so in any case. */
static bool is_readable(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Whether a raw one is connected, to an address without a port. */
static bool has_other(int fd)
{
	return send(fd, "", 0, MSG_ASK | MSG_DONTWAIT | MSG_NOSIGNAL) == 0 || errno != EDESTADDRREQ;
}

int os_inet_look(int fd, struct os_inet *inet)
{
	struct pollfd seen = { .fd = fd, .events = POLLIN | POLLRDHUP };
	union name own, peer;
	socklen_t own_bytes = sizeof(own), peer_bytes = sizeof(peer);

	struct sort sort;

	if (!find_sort(fd, &sort))
		return -EPROTOTYPE;
	*inet = (struct os_inet){ 0 };
	int r = look_kind(fd, &sort, &inet->kind);

	if (r)
		return r;
	if (getsockname(fd, &own.any, &own_bytes) || poll(&seen, 1, 0) < 0)
		return -errno;
	inet->own = end_of(&own);
	if (getpeername(fd, &peer.any, &peer_bytes) == 0)
		inet->peer = end_of(&peer);
	inet->has_error = seen.revents & POLLERR;
	inet->is_shut = seen.revents & POLLRDHUP;
	if (!inet->kind.is_udp && !inet->kind.is_raw)
		return look_tcp(fd, inet);
	inet->state = inet->peer.port ? OS_INET_CONNECTED : OS_INET_UNCONNECTED;
	inet->has_data = inet->is_shut ? is_readable(fd) : !!(seen.revents & POLLIN);
	inet->has_part = inet->kind.is_udp && has_part(fd, inet->peer.port);
	if (inet->kind.is_raw && !inet->peer.port && has_other(fd))
		inet->state = OS_INET_BETWEEN;
	return 0;
}

int os_inet_look_again(int fd, struct os_inet *inet)
{
	struct pollfd seen = { .fd = fd };
	socklen_t bytes = sizeof(inet->kind.device);
	struct stat status;

	*inet = (struct os_inet){ 0 };
	if (fstat(fd, &status) || poll(&seen, 1, 0) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, inet->kind.device, &bytes))
		return -errno;
	inet->kind.device[sizeof(inet->kind.device) - 1] = 0;
	inet->kind.gid = status.st_gid;
	inet->has_error = seen.revents & POLLERR;
	return look_tcp(fd, inet);
}

bool os_inet_writes_end(int fd, const struct os_inet *inet)
{
	struct stat status;

	/* A poll tells of both directions, or of reading. */
	return inet->kind.is_udp && inet->own.port && fstat(fd, &status) == 0 &&
	       os_inet_udp_writes_end(inet, (uint32_t)status.st_ino);
}

/* To look whether it has that owner already costs less than to say so. */
static int give_owner(int fd, uint32_t uid, uint32_t gid)
{
	struct stat status;

	if (fstat(fd, &status) == 0 && status.st_uid == uid &&
	    (gid == UINT32_MAX || status.st_gid == gid))
		return 0;
	return fchown(fd, uid, gid);
}

int os_inet_new(const struct os_inet_kind *kind)
{
	socklen_t bytes = (socklen_t)strnlen(kind->device, sizeof(kind->device));
	int type = kind->is_raw ? SOCK_RAW : kind->is_udp ? SOCK_DGRAM : SOCK_STREAM;
	int protocol = kind->is_lite ? IPPROTO_UDPLITE : kind->protocol;
	int fd = socket(kind->is_v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -errno;
	/* The owner counts where several sockets share a port. */
	if (give_owner(fd, kind->uid, kind->gid) == 0 &&
	    (!bytes || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, kind->device, bytes) == 0))
		return fd;
	int r = -errno;

	os_close(fd);
	return r;
}

int os_inet_be_foreign(int fd, bool is_v6, bool foreign)
{
	const int on = foreign;
	int r = is_v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on))
		      : setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on));

	return r ? -errno : 0;
}

int os_inet_share_port(int fd, bool shares)
{
	const int on = shares;

	return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ? -errno : 0;
}

int os_inet_bind(int fd, bool is_v6, const struct os_inet_end *own)
{
	union name name;
	socklen_t bytes = name_of(&name, is_v6, own);

	return bind(fd, &name.any, bytes) ? -errno : 0;
}

int os_inet_connect(int fd, bool is_v6, const struct os_inet_end *peer)
{
	union name name;
	socklen_t bytes = name_of(&name, is_v6, peer);

	assert(peer->port);

	return connect(fd, &name.any, bytes) ? -errno : 0;
}

/* An unconnected one is shut all the same, and an error is told. */
void os_inet_shut(int fd, bool reads, bool writes)
{
	assert(reads || writes);
	shutdown(fd, reads && writes ? SHUT_RDWR : reads ? SHUT_RD : SHUT_WR);
}

static int switch_on(int fd, int level, int option)
{
	const int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) ? -errno : 0;
}

int os_inet_listen(int fd, uint32_t backlog)
{
	int reuses = option_of(fd, SOL_SOCKET, SO_REUSEADDR);
	int r = reuses < 0 ? reuses : switch_on(fd, SOL_SOCKET, SO_REUSEADDR);

	if (r == 0)
		r = listen(fd, backlog > INT32_MAX ? INT32_MAX : (int)backlog) ? -errno : 0;
	if (reuses == 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuses, sizeof(reuses)))
		return -errno;
	return r;
}

static int give_kind(int fd, const struct os_inet_kind *kind)
{
	int r = 0;

	if (kind->reuses_address)
		r = switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
	if (r == 0 && kind->reuses_port)
		r = switch_on(fd, SOL_SOCKET, SO_REUSEPORT);
	if (r == 0 && kind->is_v6_only)
		r = switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (r == 0 && kind->may_be_foreign)
		r = kind->is_v6 ? switch_on(fd, IPPROTO_IPV6, IPV6_FREEBIND)
				: switch_on(fd, IPPROTO_IP, IP_FREEBIND);
	return r;
}

int os_inet_try(const struct os_inet_kind *kind, const struct os_inet_end *own)
{
	int fd = os_inet_new(kind);
	int r = fd < 0 ? fd : give_kind(fd, kind);

	if (r == 0 && (own->port || !os_inet_is_any(own->address)))
		r = os_inet_bind(fd, kind->is_v6, own);
	os_close(fd);
	return r;
}
