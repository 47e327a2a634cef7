/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_UNIX_PAIR_H
#define DVS_OS_UNIX_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Ends of connected Unix stream sockets that have no name, as socketpair() makes them. Errors are negative errnos. */
struct os_unix_pair {
	uint32_t send_bytes, receive_bytes; /* sizes of the buffers, as the kernel counts */
	pid_t pid;			    /* the task that connected it, and its rights then */
	uint32_t uid, gid;
	bool reads_end;	 /* nothing more will come */
	bool writes_end; /* nothing more can be sent */
	bool has_error;	 /* one that nobody was told of */
	int option;	 /* one that is not as in a fresh one, or 0 */
};

/* Whether it is such an end. */
bool os_unix_pair_is(int fd);
int os_unix_pair_look(int fd, struct os_unix_pair *end);

/* Each socket of this network namespace that is connected, and its peer; 0: that one is closed. Stops at a result. */
int os_unix_pair_each(int (*each)(void *ctx, uint32_t inode, uint32_t peer), void *ctx);

/*
 * The next bytes in it from `at` on, which stay. How many; -EBADMSG: descriptors or rights are in it. Peeking begins
 * and ends once for all of them.
 */
int os_unix_pair_peek_from(int fd, int at); /* -1: as ever */
ssize_t os_unix_pair_peek(int fd, void *to, size_t bytes);
int os_unix_pair_bytes(int fd); /* how many there are */
bool os_unix_pair_has_urgent(int fd);

/* Without waiting. */
ssize_t os_unix_pair_send(int fd, const void *from, size_t bytes);
int os_unix_pair_set_sizes(int fd, uint32_t send_bytes, uint32_t receive_bytes);
int os_unix_pair_end(int fd, bool reading, bool writing);

#endif
