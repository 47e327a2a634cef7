/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_UNIX_END_H
#define DVS_MIGRATE_UNIX_END_H

#include <string.h>

#include "migrate/descriptions.h"
#include "os/unix_pair.h"

/* An end of a pair or connection of Unix sockets, of kind_unix_pair.c, as an image tells of it. */
enum unix_end_flag {
	UNIX_END_READS = 1,  /* nothing more will come */
	UNIX_END_WRITES = 2, /* nothing more can be sent */
	UNIX_END_PARTS = 4,  /* the messages in it are in parts: see migrate/unix_queue.h */
	UNIX_END_WAITS = 8,  /* it has connected, and nobody has accepted it */
	UNIX_END_FLAGS = 15,
	UNIX_END_OPTIONS_SHIFT = 16,
};

struct unix_end_body {
	union {
		uint32_t owner; /* id of the first description of the pair */
		uint32_t
			place; /* of one that waits: its number, from 1 on, among those that wait with it */
	};
	uint32_t
		other; /* id of the other one; 0: that end is closed; of one that waits: of the listening socket */
	uint32_t flags; /* the low half: enum unix_end_flag; the high one: options */
	uint32_t send_bytes, receive_bytes;
	uint32_t uid, gid;	     /* of the task that made it, as each end tells of its peer */
	int32_t maker;		     /* number of that task's process in the pid namespace */
	uint32_t type;		     /* enum os_unix_type; of a stream without names: 0 */
	uint32_t name_bytes, is_own; /* of a connection by name: struct os_unix_connection */
};

static inline struct unix_end_body unix_end_body(const struct image_description *image)
{
	struct unix_end_body body;

	_Static_assert(sizeof(body) <= IMAGE_BODY_BYTES, "it is the body");
	memcpy(&body, image->body, sizeof(body));
	return body;
}

/* For os_unix_pair_settle(). */
static inline struct os_unix_pair unix_end_settled(const struct image_description *image)
{
	const struct unix_end_body body = unix_end_body(image);

	return (struct os_unix_pair){ .send_bytes = body.send_bytes,
				      .receive_bytes = body.receive_bytes,
				      .reads_end = body.flags & UNIX_END_READS,
				      .writes_end = body.flags & UNIX_END_WRITES,
				      .options = body.flags >> UNIX_END_OPTIONS_SHIFT };
}

#endif
