/* SPDX-License-Identifier: Apache-2.0 */
#include "group/stream.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "os/socket.h"

#define READ_BYTES 65536u

void group_stream_init(struct group_stream *s, int fd, size_t out_max)
{
	assert(out_max > 0);
	*s = (struct group_stream){ .fd = fd, .out_max = out_max };
}

void group_stream_deinit(struct group_stream *s)
{
	group_buffer_deinit(&s->in);
	group_buffer_deinit(&s->out);
	s->fd = os_close(s->fd);
}

int group_stream_flush(struct group_stream *s)
{
	while (group_stream_waiting(s)) {
		ssize_t n =
			os_write_some(s->fd, s->out.bytes + s->out.from, s->out.to - s->out.from);

		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)n;
		group_buffer_take(&s->out, (size_t)n);
	}
	return 0;
}

int group_stream_put_raw(struct group_stream *s, const void *bytes, size_t len)
{
	ssize_t n = 0;
	int r;

	if (group_buffer_size(&s->out) + len > s->out_max)
		return -ENOBUFS;
	if (!group_stream_waiting(s)) {
		n = os_write_some(s->fd, bytes, len);
		if (n < 0 && n != -EAGAIN)
			return (int)n;
		n = n < 0 ? 0 : n;
	}
	assert(n >= 0 && (size_t)n <= len);
	r = group_buffer_add(&s->out, (const uint8_t *)bytes + n, len - (size_t)n);
	/* Half a frame in the socket and the rest nowhere: the connection is of no more use. */
	return r < 0 && n ? -EPIPE : r;
}

int group_stream_queue(struct group_stream *s, enum group_kind kind, const void *head,
		       size_t head_bytes, const void *body, size_t body_bytes)
{
	size_t payload = head_bytes + body_bytes;
	uint8_t small[GROUP_HEADER_BYTES + GROUP_DELIVER_BYTES];
	int r;

	assert(payload <= GROUP_STATE_HEAD + GROUP_STATE_MAX);
	assert(head_bytes <= sizeof(small) - GROUP_HEADER_BYTES);
	if (group_buffer_size(&s->out) + GROUP_HEADER_BYTES + payload > s->out_max)
		return -ENOBUFS;
	r = group_buffer_reserve(&s->out, GROUP_HEADER_BYTES + payload);
	if (r < 0)
		return r;
	group_header_encode(small, kind, (uint32_t)payload);
	memcpy(small + GROUP_HEADER_BYTES, head, head_bytes);
	group_buffer_add(&s->out, small, GROUP_HEADER_BYTES + head_bytes);
	group_buffer_add(&s->out, body, body_bytes);
	return 0;
}

int group_stream_put(struct group_stream *s, enum group_kind kind, const void *head,
		     size_t head_bytes, const void *body, size_t body_bytes)
{
	uint8_t small[GROUP_HEADER_BYTES + GROUP_DELIVER_BYTES];
	int r;

	assert(head_bytes <= sizeof(small) - GROUP_HEADER_BYTES);
	if (!body_bytes) {
		group_header_encode(small, kind, (uint32_t)head_bytes);
		memcpy(small + GROUP_HEADER_BYTES, head, head_bytes);
		return group_stream_put_raw(s, small, GROUP_HEADER_BYTES + head_bytes);
	}
	r = group_stream_queue(s, kind, head, head_bytes, body, body_bytes);
	return r < 0 ? r : group_stream_flush(s);
}

int group_stream_welcome(struct group_stream *s, int result, uint16_t protocol)
{
	const struct group_welcome welcome = { result, protocol };
	uint8_t bytes[GROUP_WELCOME_BYTES];

	assert(result <= 0);
	group_welcome_encode(bytes, &welcome);
	return group_stream_put(s, GROUP_WELCOME, bytes, sizeof(bytes), NULL, 0);
}

int group_stream_fill(struct group_stream *s)
{
	int r = group_buffer_reserve(&s->in, READ_BYTES);
	ssize_t n;

	if (r < 0)
		return r;
	n = os_read_some(s->fd, s->in.bytes + s->in.to, s->in.room - s->in.to);
	if (n < 0)
		return (int)n;
	s->in.to += (size_t)n;
	assert(s->in.to <= s->in.room);
	return 0;
}

int group_stream_next(struct group_stream *s, struct group_frame *frame)
{
	size_t have = group_buffer_size(&s->in);
	struct group_header header;
	const uint8_t *at;
	int r;

	if (have < GROUP_HEADER_BYTES)
		return 0;
	at = s->in.bytes + s->in.from;
	r = group_header_decode(&header, at);
	if (r < 0)
		return r;
	if (have - GROUP_HEADER_BYTES < header.bytes)
		return 0;
	*frame = (struct group_frame){ .kind = (enum group_kind)header.kind,
				       .payload = at + GROUP_HEADER_BYTES,
				       .bytes = header.bytes };
	/* The bytes stay where they are until the buffer is filled again. */
	group_buffer_take(&s->in, GROUP_HEADER_BYTES + header.bytes);
	return 1;
}
