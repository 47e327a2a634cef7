/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_UNIX_SOCKET_H
#define DVS_OS_UNIX_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "os/unix_pair.h"

/* Unix sockets that are not connected, bound or not, listening or not; and those of datagrams. Errors are errnos. */

#define OS_UNIX_NAME_BYTES 108

struct os_unix_socket {
	enum os_unix_type type;
	uint8_t name
		[OS_UNIX_NAME_BYTES]; /* a path, without the zero at its end; an abstract name begins with one */
	uint32_t name_bytes; /* 0: it has none */
	uint32_t inode;	     /* the low half of its file's; 0: no path */
	bool listens;
	bool is_connected; /* of datagrams, to one that has a name or has one itself */
	uint32_t backlog;
	uint32_t waiting; /* connections that nobody has accepted */
	pid_t pid;	  /* the task that listens, and its rights when it began; 0 */
	uint32_t uid, gid;
	uint32_t send_bytes, receive_bytes; /* sizes of the buffers, as the kernel counts */
	bool reads_end, writes_end;
	bool has_error;	  /* one that nobody was told of */
	uint32_t options; /* as os_unix_pair_options() */
	int option;	  /* one that is not as in a fresh one, or 0 */
};

/* 1; 0: it is an end of a pair or of a connection, or no Unix socket. */
int os_unix_socket_look(int fd, struct os_unix_socket *socket);

/*
 * A connection of streams or of SOCK_SEQPACKET by a name: the end that accept() gave has that of the listener, and the
 * other one has none. The type, or OS_UNIX_NONE: it is another socket.
 */
struct os_unix_connection {
	enum os_unix_type type;
	uint8_t name[OS_UNIX_NAME_BYTES];
	uint32_t name_bytes;
	bool is_own; /* the name is that of this end */
};
enum os_unix_type os_unix_connection_look(int fd, struct os_unix_connection *connection);

/* The ends of any Unix socket that are shut, by the kernel's own account. 0. */
int os_unix_socket_shut(int fd, bool *reads_end, bool *writes_end);

/* Whether nothing waits in it, message or connection. */
bool os_unix_socket_is_empty(int fd);

/*
 * Gives it a name. A path begins at the folder, of which OS_OPEN_PATH is enough; an abstract name needs none. 0.
 */
int os_unix_socket_bind(int fd, int folder, const uint8_t *name, uint32_t bytes);

/* A fresh socket of datagrams with room for long ones, close-on-exec, which is the caller's. */
int os_unix_datagram_new(void);
/* To a path or an abstract name. The whole message, without waiting. 0. */
int os_unix_datagram_send(int fd, const uint8_t *name, uint32_t bytes, const uint8_t *message,
			  size_t length);
int os_unix_datagram_connect(int fd, const uint8_t *name, uint32_t bytes);

/* Whether any socket has the file that is open with OS_OPEN_PATH as its name. */
bool os_unix_socket_is_used(int file);

#endif
