/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_UNIX_PART_H
#define DVS_MIGRATE_UNIX_PART_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "os/unix_message.h"

/*
 * The part of a message in a Unix socket that is no bytes, as contents have it before the bytes: its sender
 * (SCM_CREDENTIALS), and the ids of the descriptions that it passes (SCM_RIGHTS).
 */
struct unix_part {
	uint32_t rights; /* so many ids follow */
	uint32_t has_sender;
	int32_t sender; /* number in the pid namespace; 0: none is known */
	uint32_t uid, gid;
};

#define UNIX_PART_BYTES_MAX (sizeof(struct unix_part) + OS_UNIX_RIGHTS_MAX * sizeof(uint32_t))

/* Source: descriptors and credentials of messages, as the target knows them. */
struct unix_queue_names {
	void *ctx;
	/* The number of the process in its pid namespace; negative: it does not move. */
	int32_t (*sender)(void *ctx, pid_t pid);
	/* The id of the description that a descriptor of ours has; 0: no process that moves has it open. */
	uint32_t (*right)(void *ctx, int fd);
};

/* Target: makes them again. */
struct unix_queue_hands {
	void *ctx;
	pid_t (*sender)(void *ctx, int32_t number); /* as seen here; negative errno */
	int (*open)(void *ctx, uint32_t id); /* a descriptor for the caller; negative errno */
};

/*
 * Source: puts it before *start, which comes to its beginning: UNIX_PART_BYTES_MAX are there. 0; -ENOTSUP: its sender
 * does not move; -ENOLINK: a descriptor in it is not open in a process that moves.
 */
int unix_part_put(const struct unix_queue_names *names, const struct os_unix_extra *extra,
		  uint8_t **start);

/* Target: whether a message begins with one. right: whether a description may be passed. */
bool unix_part_is_whole(const uint8_t *bytes, uint32_t length,
			bool (*right)(void *ctx, uint32_t id), void *ctx);

/* Target: sends a message that is whole; name_bytes 0: to the peer. 0 or negative errno. */
int unix_part_send(int sender, const uint8_t *name, uint32_t name_bytes,
		   const struct unix_queue_hands *hands, const uint8_t *bytes, uint32_t length);

#endif
