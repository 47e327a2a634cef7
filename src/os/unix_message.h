/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_UNIX_MESSAGE_H
#define DVS_OS_UNIX_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Messages that wait in a Unix socket, with their descriptors and credentials. Errors are negative errnos. */

#define OS_UNIX_RIGHTS_MAX   253 /* descriptors in one message */
#define OS_UNIX_SENDER_BYTES 108

struct os_unix_extra {
	int fd[OS_UNIX_RIGHTS_MAX]; /* SCM_RIGHTS; close-on-exec */
	uint32_t fd_count;
	bool has_sender; /* SCM_CREDENTIALS, of a socket that asks for them (SO_PASSCRED) */
	bool has_other;	 /* something else came with it, which is none of these */
	pid_t pid;	 /* the sender as seen here; 0: none is known */
	uint32_t uid, gid;
};

/* Closes the descriptors. */
void os_unix_extra_close(struct os_unix_extra *extra);

/*
 * The next bytes, or the next message, from the offset of os_unix_pair_peek_from() on, which stay. Duplicates of the
 * descriptors are the caller's. How many bytes; -EMSGSIZE: there is no room for the message; -EMFILE: there is none
 * for its descriptors; -EAGAIN: it was the last.
 */
ssize_t os_unix_peek(int fd, void *to, size_t bytes, struct os_unix_extra *extra);

/* The name of the socket that sent a message: a path without the zero at its end, or an abstract one. 0 bytes: none. */
struct os_unix_sender {
	uint8_t name[OS_UNIX_SENDER_BYTES];
	uint32_t name_bytes;
};
/* The same of datagrams, with the sender of each. */
ssize_t os_unix_peek_sent(int fd, void *to, size_t bytes, struct os_unix_extra *extra,
			  struct os_unix_sender *sender);

/*
 * Of the next `bytes` bytes of a stream, which were sent in pieces, how many are in those before the last one; they are
 * copied, and stay, without their descriptors and credentials. A look gives the descriptors of the next piece with the
 * bytes before it, and a receive does not.
 */
ssize_t os_unix_peek_before(int fd, void *to, size_t bytes);

/*
 * Without waiting. The descriptors stay the caller's; the credentials of others need CAP_SYS_ADMIN, and a process that
 * is there (-ESRCH).
 */
ssize_t os_unix_send(int fd, const void *from, size_t bytes, const struct os_unix_extra *extra);
/* The same to a path or an abstract name; name_bytes 0: to the peer. */
ssize_t os_unix_send_to(int fd, const uint8_t *name, uint32_t name_bytes, const void *from,
			size_t bytes, const struct os_unix_extra *extra);

#endif
