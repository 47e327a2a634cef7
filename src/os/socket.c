/* SPDX-License-Identifier: Apache-2.0 */
#include "os/socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/lock.h"
#include "os/loop.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

#define BACKLOG 128

int os_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

int os_set_nonblock(int fd, int on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

/* The address of a name; -ENAMETOOLONG or -EINVAL if it has none. */
static int address_of(const char *name, struct sockaddr_un *addr, socklen_t *len)
{
	size_t n = strlen(name);

	if (n < 2 && (!n || *name == '@'))
		return -EINVAL;
	if (n >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	memcpy(addr->sun_path, name, n);
	if (*name == '@')
		addr->sun_path[0] = 0;
	/* The length of an abstract name is part of it. */
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*name != '@'));
	return 0;
}

/* Removes a socket that a dead listener left behind; -EADDRINUSE if it is not one. */
static int remove_leftover(const char *path, enum os_socket_kind kind)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	fd = os_unix_connect(path, kind, 0);
	if (fd != -ECONNREFUSED) {
		os_close(fd);
		return -EADDRINUSE;
	}
	return unlink(path) < 0 ? -errno : 0;
}

/*
 * A stranger that connects may send descriptors along, and the last one to close a file may wait for the device or
 * server behind it. The kernel refuses them to the sender if it can (before 6.16 it cannot).
 */
static void refuse_descriptors(int fd)
{
	int none = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &none, sizeof(none)) < 0)
		return;
}

int os_unix_listen(const char *name, enum os_socket_kind kind)
{
	OS_CLEANUP_FD int fd = -1;
	struct sockaddr_un addr;
	socklen_t len;
	int r = address_of(name, &addr, &len), out;

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, (int)kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = bind(fd, (struct sockaddr *)&addr, len) < 0 ? -errno : 0;
	if (r == -EADDRINUSE && *name != '@') {
		r = remove_leftover(name, kind);
		if (!r)
			r = bind(fd, (struct sockaddr *)&addr, len) < 0 ? -errno : 0;
	}
	if (r < 0)
		return r;
	refuse_descriptors(fd);
	if (listen(fd, BACKLOG) < 0)
		return -errno;
	out = fd;
	fd = -1;
	return out;
}

int os_unix_accept(int fd)
{
	int r;

	do
		r = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (r < 0 && (errno == EINTR || errno == ECONNABORTED));
	return r < 0 ? -errno : r;
}

/* Unix connect() waits for room in the backlog as long as SO_SNDTIMEO says. */
static int connect_within(int fd, const struct sockaddr_un *addr, socklen_t len, int timeout_ms)
{
	struct timeval none = { 0 };
	struct timeval limit = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };

	if (!timeout_ms)
		limit.tv_usec = 1; /* zero would be "for ever" */
	if (timeout_ms >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	while (connect(fd, (const struct sockaddr *)addr, len) < 0)
		if (errno != EINTR)
			return -errno;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none)) < 0 ? -errno : 0;
}

int os_unix_connect(const char *name, enum os_socket_kind kind, int timeout_ms)
{
	struct sockaddr_un addr;
	socklen_t len;
	int r = address_of(name, &addr, &len), fd;

	if (timeout_ms)
		os_lock_wait_begins("os_unix_connect()");
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, (int)kind | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = connect_within(fd, &addr, len, timeout_ms);
	if (r < 0) {
		os_close(fd);
		return r;
	}
	return fd;
}

int os_unix_connect_trusted(const char *name, enum os_socket_kind kind, int timeout_ms)
{
	int fd = os_unix_connect(name, kind, timeout_ms);
	struct os_peer peer = { 0 };
	int r;

	if (fd < 0)
		return fd;
	/* The credentials are those of the process that called listen(). */
	r = os_unix_peer(fd, &peer);
	if (r == 0 && os_peer_trusted(&peer))
		return fd;
	os_close(fd);
	return r < 0 ? r : -EKEYREJECTED;
}

int os_unix_pair(enum os_socket_kind kind, int fds[2])
{
	return socketpair(AF_UNIX, (int)kind | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}

int os_unix_peer(int fd, struct os_peer *peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	*peer = (struct os_peer){ .pid = cred.pid, .uid = cred.uid, .gid = cred.gid };
	return 0;
}

bool os_unix_is(int fd)
{
	socklen_t len = sizeof(int);
	int domain = 0;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

bool os_unix_is_unconnected(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(int), peer_len = sizeof(peer), name_len = sizeof(peer);
	int type = 0;

	if (!os_unix_is(fd))
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != (int)OS_PACKET)
		return false;
	if (getsockname(fd, (struct sockaddr *)&peer, &name_len) < 0 ||
	    name_len > sizeof(sa_family_t))
		return false;
	return getpeername(fd, (struct sockaddr *)&peer, &peer_len) < 0 && errno == ENOTCONN;
}

size_t os_unix_peer_groups(int fd, uint32_t **groups)
{
	socklen_t len = 0;

	_Static_assert(sizeof(gid_t) == sizeof(**groups), "the kernel's numbers are ours");
	*groups = NULL;
	/* It says how many bytes there are, and gives all or nothing. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE)
		return 0;
	*groups = malloc(len);
	if (*groups && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, *groups, &len) == 0)
		return len / sizeof(**groups);
	free(*groups);
	*groups = NULL;
	return 0;
}

bool os_peer_trusted(const struct os_peer *peer)
{
	return peer->uid == 0 || peer->uid == geteuid();
}

int os_packet_send(int fd, const void *buf, size_t len, const int *fds, int fd_count)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };

	return os_packet_sendv(fd, &part, 1, fds, fd_count);
}

int os_packet_sendv(int fd, const struct iovec *parts, int part_count, const int *fds, int fd_count)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * OS_FDS_MAX)] = { 0 };
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)parts,
			      .msg_iovlen = (size_t)part_count };
	size_t bytes = sizeof(int) * (size_t)fd_count;
	ssize_t n;

	if (fd_count < 0 || fd_count > OS_FDS_MAX)
		return -EINVAL;
	if (fd_count > 0) {
		struct cmsghdr *c = (struct cmsghdr *)control;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(bytes);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(c), fds, bytes);
	}
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static size_t fds_in(struct msghdr *msg)
{
	size_t count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			count += (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	return count;
}

/* Takes the descriptors out of a received message, keeping up to OS_FDS_MAX in fds. */
static int take_fds(struct msghdr *msg, int *fds, bool keep)
{
	int count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int one;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			memcpy(&one, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (keep && count < OS_FDS_MAX)
				fds[count++] = one;
			else
				os_close(one);
		}
	}
	return count;
}

/* *fewer: descriptors that the packet had did not come, because this process may have no more of them. */
static ssize_t packet_recv(int fd, void *buf, size_t size, int *fds, int *fd_count, bool *fewer)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * OS_FDS_MAX)];
	struct iovec part = { .iov_base = buf, .iov_len = size };
	struct msghdr msg = { .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = fds ? control : NULL,
			      .msg_controllen = fds ? sizeof(control) : 0 };
	bool bad, cut;
	int count;
	ssize_t n;

	*fewer = false;
	if (fd_count)
		*fd_count = 0;
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	/* Without room for them descriptors are never ours: to close one may mean to wait. */
	cut = fds && msg.msg_flags & MSG_CTRUNC;
	bad = msg.msg_flags & MSG_TRUNC || (cut && fds_in(&msg) >= OS_FDS_MAX);
	*fewer = cut && !bad;
	count = fds ? take_fds(&msg, fds, fd_count && !bad) : 0;
	if (fd_count)
		*fd_count = count;
	return bad ? -EMSGSIZE : n;
}

ssize_t os_packet_recv_fewer(int fd, void *buf, size_t size, int fds[OS_FDS_MAX], int *fd_count)
{
	bool fewer;

	return packet_recv(fd, buf, size, fds, fd_count, &fewer);
}

ssize_t os_packet_recv(int fd, void *buf, size_t size, int *fds, int *fd_count)
{
	bool fewer;
	ssize_t n = packet_recv(fd, buf, size, fds, fd_count, &fewer);

	if (!fewer || !fds || !fd_count)
		return n;
	while (*fd_count > 0)
		os_close(fds[--*fd_count]);
	return -EMFILE;
}

int os_poll(int fd, int events, int timeout_ms)
{
	int64_t deadline = os_deadline_ns(timeout_ms);
	struct pollfd p = { .fd = fd,
			    .events = (short)((events & OS_READ ? POLLIN : 0) |
					      (events & OS_WRITE ? POLLOUT : 0)) };

	if (timeout_ms)
		os_lock_wait_begins("os_poll()");
	for (;;) {
		struct timespec left = { 0 };
		int r;

		if (deadline >= 0) {
			int64_t ns = deadline - os_now_ns();

			left = os_timespec(ns > 0 ? ns : 0);
		}
		r = ppoll(&p, 1, deadline < 0 ? NULL : &left, NULL);
		if (r > 0)
			return p.revents & POLLNVAL ? -EBADF : 0;
		if (!r)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

ssize_t os_read_some(int fd, void *buf, size_t len)
{
	ssize_t n;

	do
		n = read(fd, buf, len);
	while (n < 0 && errno == EINTR);
	if (!n)
		return -ECONNRESET;
	return n < 0 ? -errno : n;
}

/* Neither blocks (on sockets) nor raises SIGPIPE there. */
ssize_t os_write_some(int fd, const void *buf, size_t len)
{
	ssize_t n;

	do {
		n = send(fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == ENOTSOCK)
			n = write(fd, buf, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int os_read_full(int fd, void *buf, size_t len, int timeout_ms)
{
	int64_t deadline = os_deadline_ns(timeout_ms);
	char *at = buf;

	while (len) {
		int r = os_poll(fd, OS_READ, os_left_ms(deadline));
		ssize_t n;

		if (r < 0)
			return r;
		n = os_read_some(fd, at, len);
		if (n < 0 && n != -EAGAIN)
			return (int)n;
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int os_write_full(int fd, const void *buf, size_t len, int timeout_ms)
{
	int64_t deadline = os_deadline_ns(timeout_ms);
	const char *at = buf;

	if (timeout_ms)
		os_lock_wait_begins("os_write_full()");
	while (len) {
		ssize_t n = os_write_some(fd, at, len);
		int r;

		if (n > 0) {
			at += n;
			len -= (size_t)n;
			continue;
		}
		if (n < 0 && n != -EAGAIN)
			return (int)n;
		r = os_poll(fd, OS_WRITE, os_left_ms(deadline));
		if (r < 0)
			return r;
	}
	return 0;
}

int os_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

void os_shutdown(int fd)
{
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
}

void os_shutdown_writing(int fd)
{
	if (fd >= 0)
		shutdown(fd, SHUT_WR);
}

void os_socket_widen(int fd, bool sending, int bytes)
{
	assert(bytes > 0);
	if (setsockopt(fd, SOL_SOCKET, sending ? SO_SNDBUFFORCE : SO_RCVBUFFORCE, &bytes,
		       sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, sending ? SO_SNDBUF : SO_RCVBUF, &bytes, sizeof(bytes));
}

int os_unix_open_to_all(const char *path)
{
	return chmod(path, 0666) < 0 ? -errno : 0;
}

void os_unix_remove(const char *path)
{
	unlink(path);
}
