/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_GROUP_STREAM_H
#define DVS_GROUP_STREAM_H

/*
 * Frames of wire/group.h over a stream socket that never blocks: bytes that do not fit into the socket wait in
 * a bounded buffer. Both ends of the local engine stand on it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "group/buffer.h"
#include "wire/group.h"

struct group_stream {
	int fd;		/* owned; -1 none */
	size_t out_max; /* bytes that may wait to be written */
	struct group_buffer in, out;
};

struct group_frame {
	enum group_kind kind;
	const uint8_t *payload; /* valid until the next call with the stream */
	size_t bytes;
};

/* Takes fd, which is to be non-blocking. Nothing is allocated yet. */
void group_stream_init(struct group_stream *s, int fd, size_t out_max);
void group_stream_deinit(struct group_stream *s);

/* Queues a frame made of two parts, for the next flush. 0; -ENOBUFS: out_max is reached (nothing of it is); -ENOMEM. */
int group_stream_queue(struct group_stream *s, enum group_kind kind, const void *head,
		       size_t head_bytes, const void *body, size_t body_bytes);
/*
 * The same, and writes what fits. 0; -ENOBUFS: out_max is reached (nothing
 * of the frame is queued); -ENOMEM; negative errno of the connection.
 */
int group_stream_put(struct group_stream *s, enum group_kind kind, const void *head,
		     size_t head_bytes, const void *body, size_t body_bytes);
/* The answer to a HELLO. */
int group_stream_welcome(struct group_stream *s, int result, uint16_t protocol);
/* The same with frames that are encoded already. */
int group_stream_put_raw(struct group_stream *s, const void *bytes, size_t len);
/* Writes what fits. 0, or negative errno of the connection. */
int group_stream_flush(struct group_stream *s);
static inline bool group_stream_waiting(const struct group_stream *s)
{
	return s->out.from < s->out.to;
}

/* Reads once. 0; -EAGAIN: nothing there; -ECONNRESET: end; other negative errno. */
int group_stream_fill(struct group_stream *s);
/* Next whole frame that was read: 1; 0: none; -EPROTO: of another version; -EBADMSG: no frame. */
int group_stream_next(struct group_stream *s, struct group_frame *frame);

#endif
