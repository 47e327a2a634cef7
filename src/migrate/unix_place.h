/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_UNIX_PLACE_H
#define DVS_MIGRATE_UNIX_PLACE_H

#include "migrate/descriptions.h"
#include "migrate/restore.h"
#include "os/unix_socket.h"

/* A Unix socket of kind_unix_socket.c as an image tells of it, and the place of its name. */
enum socket_flag {
	SOCKET_LISTENS = 1,
	SOCKET_FILE = 2, /* its name still leads to it */
	SOCKET_READS_END = 4,
	SOCKET_WRITES_END = 8,
	SOCKET_CONNECTED = 16, /* of datagrams */
	SOCKET_PARTS =
		32, /* of datagrams: the messages in it are in parts, see migrate/unix_datagrams.h */
	SOCKET_PASSES = 64, /* and there are descriptors in them */
	SOCKET_FLAGS = 127,
	SOCKET_OPTIONS_SHIFT = 16,
};

struct unix_socket_body {
	uint32_t type;	/* enum os_unix_type */
	uint32_t flags; /* the low half: enum socket_flag; the high one: options */
	uint16_t name_bytes;
	uint16_t file_rights;
	uint32_t inode; /* source: the low half of the file's */
	uint32_t send_bytes, receive_bytes;
	uint32_t uid, gid; /* of the task that listens */
	union {
		uint32_t backlog; /* of one that listens */
		uint32_t
			peer; /* of datagrams: id of the description that it is connected to; 0: none */
	};
	uint32_t file_uid, file_gid;
	int32_t maker; /* number of the process that listens in the pid namespace */
};

struct unix_socket_body unix_socket_body(const struct image_description *image);

/* The name, and where its file is. */
struct unix_place {
	uint8_t name[OS_UNIX_NAME_BYTES];
	char path[OS_UNIX_NAME_BYTES + 1];
	char folder[IMAGE_PATH_MAX];
	char stage[48];
};

/* False: the contents, which came from outside, have none. *queue (or NULL): where the messages begin. */
bool unix_place_read(const struct description *description, struct unix_place *place,
		     uint32_t *queue);

/*
 * Target, of a path that is whole: the folder of the file, which the caller owns, or a negative errno; and the name of
 * the stage there, which is that of the process (pid) that the socket was made for.
 */
int unix_place_open(struct restore *restore, pid_t pid, const struct description *description,
		    struct unix_place *place);

#endif
