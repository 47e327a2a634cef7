/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/socket.h"
#include "wire/image.h"

#define HEAD_BYTES ((uint32_t)sizeof(uint32_t))

static int take_bytes(int fd, struct contents *contents)
{
	uint8_t piece[IMAGE_CONTENTS_BYTES_MAX];
	int left = os_unix_pair_bytes(fd);

	while (left > 0) {
		ssize_t got = os_unix_pair_peek(fd, piece, sizeof(piece));

		if (got <= 0 || got > left)
			return got < 0 ? (int)got : -EIO;
		int r = contents_append(contents, piece, (uint32_t)got);

		if (r)
			return r;
		left -= (int)got;
	}
	return left;
}

/* The message stands behind room for its length. */
static int append_message(struct contents *contents, uint8_t *bytes, uint32_t length)
{
	uint32_t left = length + HEAD_BYTES;

	memcpy(bytes, &length, HEAD_BYTES);
	while (left) {
		uint32_t piece = left < IMAGE_CONTENTS_BYTES_MAX ? left : IMAGE_CONTENTS_BYTES_MAX;
		int r = contents_append(contents, bytes, piece);

		if (r)
			return r;
		bytes += piece;
		left -= piece;
	}
	return 0;
}

/* An end that nothing more comes from tells it as an empty message, after the last one. */
static int take_messages(int fd, bool reads_end, struct contents *contents)
{
	uint8_t *bytes = malloc(IMAGE_CONTENTS_MAX);
	int r = bytes ? 0 : -ENOMEM;

	while (r == 0) {
		ssize_t got = os_unix_pair_peek_message(fd, bytes + HEAD_BYTES,
							IMAGE_CONTENTS_MAX - HEAD_BYTES);

		if (got == -EAGAIN || (got == 0 && reads_end))
			break;
		r = got < 0 ? (int)got : append_message(contents, bytes, (uint32_t)got);
	}
	free(bytes);
	return r;
}

int unix_queue_take(int fd, enum os_unix_type type, bool reads_end, struct contents *contents)
{
	bool is_stream = type == OS_UNIX_STREAM;
	int r = is_stream && os_unix_pair_has_urgent(fd) ? -EUCLEAN : os_unix_pair_peek_from(fd, 0);

	assert(contents);
	if (r)
		return r;
	r = is_stream ? take_bytes(fd, contents)
		      : take_messages(fd, reads_end && type == OS_UNIX_SEQPACKET, contents);
	int back = os_unix_pair_peek_from(fd, -1);

	return r ? r : back;
}

static int fill_bytes(int sender, const struct contents *contents, uint32_t at)
{
	const uint8_t *piece;
	uint32_t length;

	while ((piece = contents_next(contents, &at, &length))) {
		ssize_t sent = os_unix_pair_send(sender, piece, length);

		if (sent != (ssize_t)length)
			return sent < 0 ? (int)sent : -ENOSPC;
	}
	return 0;
}

/* A message that is put together of its pieces. */
struct message {
	uint32_t length, left;
};

/* The bytes of the message that this piece has; NULL: it is none of a message. */
static const uint8_t *message_next(struct message *message, const uint8_t *piece, uint32_t *length)
{
	if (!message->left) {
		if (*length < HEAD_BYTES)
			return NULL;
		memcpy(&message->length, piece, HEAD_BYTES);
		message->left = message->length;
		piece += HEAD_BYTES;
		*length -= HEAD_BYTES;
	}
	if (*length > message->left || message->length > IMAGE_CONTENTS_MAX)
		return NULL;
	message->left -= *length;
	return piece;
}

bool unix_queue_is_whole(const struct contents *contents, uint32_t at)
{
	struct message message = { 0 };
	const uint8_t *piece;
	uint32_t length;

	while ((piece = contents_next(contents, &at, &length)))
		if (!message_next(&message, piece, &length))
			return false;
	return !message.left;
}

static int fill_messages(int sender, const struct contents *contents, uint32_t at)
{
	uint8_t *bytes = malloc(IMAGE_CONTENTS_MAX);
	struct message message = { 0 };
	const uint8_t *piece;
	uint32_t length;
	int r = bytes ? 0 : -ENOMEM;

	while (r == 0 && (piece = contents_next(contents, &at, &length))) {
		piece = message_next(&message, piece, &length);
		assert(piece); /* unix_queue_is_whole() saw to it */
		memcpy(bytes + message.length - message.left - length, piece, length);
		if (message.left)
			continue;
		ssize_t sent = os_unix_pair_send(sender, bytes, message.length);

		r = sent < 0 ? (int)sent : 0;
	}
	free(bytes);
	return r;
}

int unix_queue_fill(int sender, enum os_unix_type type, const struct contents *contents,
		    uint32_t at)
{
	return type == OS_UNIX_STREAM ? fill_bytes(sender, contents, at)
				      : fill_messages(sender, contents, at);
}

/* The same messages between sockets of our own take the same room. */
int unix_queue_compare(int sender, enum os_unix_type type, const struct contents *contents,
		       uint32_t at)
{
	int pair[2];
	int there = os_unix_pair_unread(sender);
	int r = os_unix_pair_new(type, pair);

	if (there < 0 || r)
		return there < 0 ? there : r;
	r = os_unix_pair_set_sizes(pair[0], UNIX_QUEUE_FILLING_BYTES, UNIX_QUEUE_FILLING_BYTES);
	if (r == 0)
		r = unix_queue_fill(pair[0], type, contents, at);
	int here = r ? r : os_unix_pair_unread(pair[0]);

	os_close(pair[0]);
	os_close(pair[1]);
	return here < 0 ? here : here < there ? -ENODATA : 0;
}
