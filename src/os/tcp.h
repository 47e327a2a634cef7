/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_TCP_H
#define DVS_OS_TCP_H

/*
 * TCP over IPv4 and IPv6. Ports are in host order. Every descriptor made here is close-on-exec and
 * belongs to the caller; connections send small packets at once (TCP_NODELAY).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/address.h"

/*
 * Listens, non-blocking; ADDRESS_NONE: at every address of this machine, of both families as far as the kernel has
 * them. The descriptor or negative errno.
 */
int os_tcp_listen(struct address address, uint16_t port);
/* The other end of a connection that was accepted. */
struct os_tcp_caller {
	struct address address;
	uint16_t port;
};

/*
 * Next connection, non-blocking, and its caller. The descriptor, -EAGAIN if there is none, or negative
 * errno.
 */
int os_tcp_accept(int fd, struct os_tcp_caller *caller);

/* Where to, and which address from, of the same family; ADDRESS_NONE is any. */
struct os_tcp_route {
	struct address to;
	uint16_t port;
	struct address from;
};

/* Starts to connect, non-blocking: wait for writing, then ask os_tcp_connected(). */
int os_tcp_connect_start(const struct os_tcp_route *route);
/* 0: connected. -EINPROGRESS: not yet. Else why it failed. */
int os_tcp_connected(int fd);
/* Connects, waiting up to timeout_ms. The socket is blocking. -ETIMEDOUT or negative errno. */
int os_tcp_connect(const struct os_tcp_route *route, int timeout_ms);

/* How many bytes: 0 only at the end of the stream. -EAGAIN, or negative errno; no SIGPIPE. */
ssize_t os_tcp_read(int fd, void *buf, size_t size);
ssize_t os_tcp_write(int fd, const void *buf, size_t len);
/* Keeps the unsent bytes in the kernel below `bytes`: an urgent frame then finds a short queue. */
void os_tcp_limit_unsent(int fd, int bytes);
/*
 * The progress of the connection: bytes acknowledged, and the time in which some were not. Both 0 if that
 * is not known.
 */
void os_tcp_progress(int fd, uint64_t *acked, uint64_t *busy_us);
/* Bytes that have come, and that have been acknowledged, so far. 0: it is no connection. */
uint64_t os_tcp_moved(int fd);
/* Acknowledges now what has come, although nothing is to be sent. */
void os_tcp_acknowledge(int fd);
/* A reader is woken by that many bytes (or the end of the stream), not by each packet. */
void os_tcp_wake_at(int fd, int bytes);
/* Ends both directions; its readers and writers are told. */
void os_tcp_shutdown(int fd);

/*
 * A connection on which nothing is acknowledged for that long is broken: its readers and writers are told
 * -ETIMEDOUT. A silent peer is asked, so that a cut is noticed within about twice that time even when
 * nothing is sent.
 */
void os_tcp_notice_loss(int fd, int timeout_ms);
#endif
