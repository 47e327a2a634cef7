/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_UNIX_PAIR_H
#define DVS_OS_UNIX_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Ends of connected Unix sockets that have no name, as socketpair() makes them: of streams, or of messages. Errors are
 * negative errnos.
 */

/* With the kernel's numbers, which an image carries as well; os/unix_pair.c compares them. */
enum os_unix_type {
	OS_UNIX_NONE = 0,
	OS_UNIX_STREAM = 1,
	OS_UNIX_DATAGRAM = 2,
	OS_UNIX_SEQPACKET = 5,
};

struct os_unix_pair {
	uint32_t send_bytes, receive_bytes; /* sizes of the buffers, as the kernel counts */
	pid_t pid;			    /* the task that connected it, and its rights then */
	uint32_t uid, gid;
	bool reads_end;	  /* nothing more will come */
	bool writes_end;  /* nothing more can be sent */
	bool has_error;	  /* one that nobody was told of */
	uint32_t options; /* as os_unix_pair_options() */
	int option;	  /* one that is not as in a fresh one, or 0 */
};

/* The type of such an end, or OS_UNIX_NONE. */
enum os_unix_type os_unix_pair_type(int fd);
int os_unix_pair_new(enum os_unix_type type,
		     int pair[2]); /* which are the caller's, close-on-exec */
int os_unix_pair_look(int fd, struct os_unix_pair *end);

/*
 * Options that are on or off, one bit for each, in an order that an image has as well: SO_REUSEADDR, SO_BROADCAST,
 * SO_KEEPALIVE, SO_PASSCRED, SO_PASSSEC, SO_TIMESTAMP.
 */
#define OS_UNIX_OPTIONS 0x3fu
uint32_t os_unix_pair_options(int fd);
int os_unix_pair_set_options(int fd, uint32_t options); /* those that are on; 0 */

/* The number of another option that is not as in a fresh Unix socket; 0: none. */
int os_unix_pair_odd_option(int fd);

/* Each socket of this network namespace that is connected, and its peer; 0: that one is closed. Stops at a result. */
int os_unix_pair_each(int (*each)(void *ctx, uint32_t inode, uint32_t peer), void *ctx);

/*
 * Each connection of this network namespace that waits in a listening socket: the end that has connected (0: it is
 * closed), and how many are to be accepted before it. Stops at a result.
 */
int os_unix_pair_each_waiting(int (*each)(void *ctx, uint32_t listener, uint32_t place,
					  uint32_t inode),
			      void *ctx);

/* Of a stream or of SOCK_SEQPACKET: whether the other end is closed, or nothing goes either way any more. */
bool os_unix_pair_is_over(int fd);

/* os_unix_peek() begins and ends once for all messages. */
int os_unix_pair_peek_from(int fd, int at); /* -1: as ever */
int os_unix_pair_bytes(int fd);		    /* of a stream: how many there are */
int os_unix_pair_unread(int fd); /* memory of all that it has sent and nobody has received */
bool os_unix_pair_has_urgent(int fd);

int os_unix_pair_set_sizes(int fd, uint32_t send_bytes, uint32_t receive_bytes);
int os_unix_pair_end(int fd, bool reading, bool writing);
/* Its sizes, what is shut and its options are those then, in this order: one that is shut still has its sizes. */
int os_unix_pair_settle(int fd, const struct os_unix_pair *end);

#endif
