/* SPDX-License-Identifier: Apache-2.0 */
#include "os/tcp.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "os/loop.h"
#include "os/socket.h"

/* A flood of connections must not hide others until the daemon gets to accepting. */
#define LISTEN_BACKLOG 1024

/* Since Linux 6.15; older ones refuse it. */
#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif
#define RETRY_MAX_MS 1000 /* the least that is allowed */

/* An address as the kernel has it. */
union name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

#define V4_AT (ADDRESS_BYTES - sizeof(struct in_addr))

static socklen_t name_of(union name *name, struct address address, uint16_t port)
{
	memset(name, 0, sizeof(*name));
	if (address_is_v4(address)) {
		name->v4.sin_family = AF_INET;
		name->v4.sin_port = htons(port);
		memcpy(&name->v4.sin_addr, address.byte + V4_AT, sizeof(name->v4.sin_addr));
		return sizeof(name->v4);
	}
	name->v6.sin6_family = AF_INET6;
	name->v6.sin6_port = htons(port);
	memcpy(&name->v6.sin6_addr, address.byte, sizeof(name->v6.sin6_addr));
	return sizeof(name->v6);
}

static struct address address_of(const union name *name)
{
	struct address address;

	if (name->any.sa_family != AF_INET6)
		return address_v4((const uint8_t *)&name->v4.sin_addr);
	memcpy(address.byte, &name->v6.sin6_addr, sizeof(address.byte));
	return address;
}

static int tcp_new(const union name *name)
{
	int fd = socket(name->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

static void set_option(int fd, int level, int option, int value)
{
	assert(fd >= 0);
	/* Options only make things faster; a kernel that refuses one is still correct. */
	setsockopt(fd, level, option, &value, sizeof(value));
}

/*
 * Small packets at once; and when packets are lost, tries again every second, so that a network
 * that was away for a while is noticed when it is back and not up to twice as long after.
 */
static void set_prompt(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, RETRY_MAX_MS);
}

static int listen_at(const union name *name, socklen_t len)
{
	int fd = tcp_new(name), r;

	if (fd < 0)
		return fd;
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* One of all addresses hears IPv4 as well. */
	if (name->any.sa_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (bind(fd, &name->any, len) || listen(fd, LISTEN_BACKLOG)) {
		r = -errno;
		os_close(fd);
		return r;
	}
	return fd;
}

int os_tcp_listen(struct address address, uint16_t port)
{
	union name name;
	socklen_t len = name_of(&name, address, port);
	int fd = listen_at(&name, len);

	if (fd != -EAFNOSUPPORT || address_is_set(address))
		return fd;
	/* The kernel has no IPv6. */
	name.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	return listen_at(&name, sizeof(name.v4));
}

int os_tcp_accept(int fd, struct os_tcp_caller *caller)
{
	union name name = { 0 };
	socklen_t len = sizeof(name);
	int r = accept4(fd, &name.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

	assert(caller);
	if (r < 0)
		return -errno;
	*caller = (struct os_tcp_caller){ address_of(&name), ntohs(name.v4.sin_port) };
	set_prompt(r);
	return r;
}

/* The port is chosen when it is known where to: the same one serves towards many places. */
static int bind_address(int fd, struct address address)
{
	union name name;
	socklen_t len = name_of(&name, address, 0);

	set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	return bind(fd, &name.any, len) < 0 ? -errno : 0;
}

int os_tcp_connect_start(const struct os_tcp_route *route)
{
	union name name;
	socklen_t len = name_of(&name, route->to, route->port);
	int fd = tcp_new(&name);
	int r;

	if (fd < 0)
		return fd;
	set_prompt(fd);
	r = address_is_set(route->from) ? bind_address(fd, route->from) : 0;
	if (!r && connect(fd, &name.any, len) && errno != EINPROGRESS)
		r = -errno;
	if (!r)
		return fd;
	os_close(fd);
	return r;
}

int os_tcp_connected(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return -errno;
	if (error)
		return -error;
	return poll(&p, 1, 0) > 0 ? 0 : -EINPROGRESS;
}

int os_tcp_connect(const struct os_tcp_route *route, int timeout_ms)
{
	int fd = os_tcp_connect_start(route);
	int r;

	if (fd < 0)
		return fd;
	r = os_poll(fd, OS_WRITE, timeout_ms);
	if (!r)
		r = os_tcp_connected(fd);
	if (!r)
		r = os_set_nonblock(fd, 0);
	if (r) {
		os_close(fd);
		return r;
	}
	return fd;
}

ssize_t os_tcp_read(int fd, void *buf, size_t size)
{
	ssize_t n;

	assert(size > 0);
	do
		n = recv(fd, buf, size, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t os_tcp_write(int fd, const void *buf, size_t len)
{
	ssize_t n;

	do
		n = send(fd, buf, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

void os_tcp_limit_unsent(int fd, int bytes)
{
	assert(bytes > 0);
	set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, bytes);
}

void os_tcp_progress(int fd, uint64_t *acked, uint64_t *busy_us)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	assert(acked && busy_us);
	*acked = 0;
	*busy_us = 0;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ||
	    len < offsetof(struct tcp_info, tcpi_busy_time) + sizeof(info.tcpi_busy_time))
		return;
	*acked = info.tcpi_bytes_acked;
	*busy_us = info.tcpi_busy_time;
}

uint64_t os_tcp_moved(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return 0;
	return info.tcpi_bytes_acked + info.tcpi_bytes_received;
}

void os_tcp_acknowledge(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
}

void os_tcp_wake_at(int fd, int bytes)
{
	assert(bytes > 0);
	set_option(fd, SOL_SOCKET, SO_RCVLOWAT, bytes);
}

void os_tcp_shutdown(int fd)
{
	shutdown(fd, SHUT_RDWR);
}

void os_tcp_notice_loss(int fd, int timeout_ms)
{
	int seconds = timeout_ms < 2000 ? 1 : timeout_ms / 2000, on = 1, probes = 1;

	assert(timeout_ms > 0);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof(seconds));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}
