/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SOCKET_H
#define DVS_OS_SOCKET_H

/*
 * Unix sockets: names, packets with descriptors, who is at the other end; and descriptors in
 * general: closing, blocking mode, reading and writing all of something within a time.
 *
 * A name that starts with '@' is an abstract one (its namespace is the network namespace), any other
 * a path. Every descriptor made here is close-on-exec and belongs to the caller.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define OS_FDS_MAX 4 /* descriptors in one packet */

enum os_socket_kind {
	OS_STREAM = 1,
	OS_PACKET = 5, /* SOCK_SEQPACKET */
};

struct os_peer {
	pid_t pid; /* in our pid namespace; 0 if it is not visible here */
	uid_t uid;
	gid_t gid;
	uint64_t start; /* see os_peer_watch(); 0 */
};

/*
 * Listens. A path's leftover socket is replaced if nobody listens on it any more; -EADDRINUSE if
 * somebody does. Non-blocking. The descriptor or negative errno.
 */
int os_unix_listen(const char *name, enum os_socket_kind kind);
/* Next connection, non-blocking. The descriptor, -EAGAIN if there is none, or negative errno. */
int os_unix_accept(int fd);
/*
 * Connects, waiting up to timeout_ms while the listener's backlog is full. The socket is blocking.
 * -ENOENT, -ECONNREFUSED: nobody listens; -EAGAIN: the backlog stayed full.
 */
int os_unix_connect(const char *name, enum os_socket_kind kind, int timeout_ms);
/*
 * The same, if the listener is trusted (os_peer_trusted()); nothing is sent before that is known. -EKEYREJECTED:
 * another user listens under this name.
 */
int os_unix_connect_trusted(const char *name, enum os_socket_kind kind, int timeout_ms);
int os_unix_pair(enum os_socket_kind kind, int fds[2]);
/* Lets every user connect to the path, as to an abstract name. */
int os_unix_open_to_all(const char *path);
/* Removes the socket file of a listener that is closed. */
void os_unix_remove(const char *path);
/* The process that made the connection (or the listening end, seen from the connecting one). */
int os_unix_peer(int fd, struct os_peer *peer);
bool os_unix_is(int fd);
/* Whether it is a Unix socket of OS_PACKET that may still be connected by os_unix_connect(): without peer and name. */
bool os_unix_is_unconnected(int fd);
/*
 * The supplementary groups that it had then, all of them, in ascending order; how many. The kernel allows 65,536. The
 * caller frees *groups, which is NULL where there are none or the kernel does not say.
 */
size_t os_unix_peer_groups(int fd, uint32_t **groups);
/* Root, or the user that this process runs as. */
bool os_peer_trusted(const struct os_peer *peer);

/* One packet with up to OS_FDS_MAX descriptors, which stay the caller's. 0 or negative errno. */
int os_packet_send(int fd, const void *buf, size_t len, const int *fds, int fd_count);
int os_packet_sendv(int fd, const struct iovec *parts, int part_count, const int *fds,
		    int fd_count);
/*
 * One packet. Its length, 0 when the other end closed, or negative errno; -EMSGSIZE: the packet was
 * longer than size or had more descriptors than OS_FDS_MAX; -EMFILE: this process may not have as many
 * more as came (nothing of it is kept). *fd_count of the fds[OS_FDS_MAX] are the caller's now. fds may be
 * NULL: then descriptors do not become ours at all.
 */
ssize_t os_packet_recv(int fd, void *buf, size_t size, int *fds, int *fd_count);
/* The same, but where descriptors run out the packet comes with those that there was room for. */
ssize_t os_packet_recv_fewer(int fd, void *buf, size_t size, int fds[OS_FDS_MAX], int *fd_count);

/*
 * Everything or an error, on blocking or non-blocking descriptors; timeout_ms below 0: no limit.
 * 0; -ETIMEDOUT; -ECONNRESET: end of file before len bytes; other negative errno.
 */
int os_read_full(int fd, void *buf, size_t len, int timeout_ms);
int os_write_full(int fd, const void *buf, size_t len, int timeout_ms);

/* As many bytes as are there or fit now, on non-blocking ones: > 0, -EAGAIN, -ECONNRESET at the end of file. */
ssize_t os_read_some(int fd, void *buf, size_t len);
ssize_t os_write_some(int fd, const void *buf, size_t len);

/* Waits for OS_READ, OS_WRITE (os/loop.h). 0: one of them, or hang-up, is there; -ETIMEDOUT; errno. */
int os_poll(int fd, int events, int timeout_ms);

int os_set_nonblock(int fd, int on);
int os_dup(int fd); /* close-on-exec; the descriptor or negative errno */
/* Ends both directions: threads that wait on it are woken. fd may be negative. */
void os_shutdown(int fd);
/* Ends one direction: the other side reads to the end. */
void os_shutdown_writing(int fd);

/*
 * Room for so many bytes in one direction: more than a user may have where the caller has the right to it. Another
 * file is left alone.
 */
void os_socket_widen(int fd, bool sending, int bytes);

/* The kind of the socket, for a sentence: "a TCP socket". */
const char *os_socket_text(int fd);
int os_close(int fd); /* fd may be negative; returns -1, errno is kept */

static inline void os_closep(int *fd)
{
	os_close(*fd);
}

/* An owned descriptor that closes itself when it leaves its scope. */
#define OS_CLEANUP_FD __attribute__((cleanup(os_closep), unused)) /* closed unused, too */

#endif
