/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "os/socket.h"
#include "os/unix_message.h"
#include "wire/image.h"

#define HEAD_BYTES ((uint32_t)sizeof(uint32_t))

/* Before the bytes of a message there is room for all that comes before them in the contents. */
#define BEFORE_BYTES ((uint32_t)(HEAD_BYTES + UNIX_PART_BYTES_MAX))
#define BYTES_MAX    (IMAGE_CONTENTS_MAX - BEFORE_BYTES)

struct taking {
	int fd;
	const struct unix_queue_names *names; /* NULL: nothing may come with a message */
	struct contents *contents;
	uint8_t *bytes;		    /* owned */
	struct os_unix_extra extra; /* of the last message, until the next one */
	uint32_t at;		    /* of the next byte of a stream */
};

static ssize_t peek(struct taking *taking, size_t bytes)
{
	os_unix_extra_close(&taking->extra);
	ssize_t got = os_unix_peek(taking->fd, taking->bytes + BEFORE_BYTES, bytes, &taking->extra);
	bool is_plain = !taking->extra.fd_count && !taking->extra.has_sender;

	assert(bytes <= BYTES_MAX);
	if (got < 0)
		return got;
	return taking->extra.has_other || (!taking->names && !is_plain) ? -EBADMSG : got;
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

/* The message whose bytes are there, with its descriptors and credentials. */
static int append(struct taking *taking, uint32_t length)
{
	uint8_t *end = taking->bytes + BEFORE_BYTES, *start = end;
	int r = taking->names ? unix_part_put(taking->names, &taking->extra, &start) : 0;

	if (r)
		return r;
	return append_message(taking->contents, start - HEAD_BYTES,
			      length + (uint32_t)(end - start));
}

/* The next bytes that one receive could have. Those before the ones with descriptors are a part of their own. */
static ssize_t next_bytes(struct taking *taking, size_t left)
{
	ssize_t got = peek(taking, left < BYTES_MAX ? left : BYTES_MAX);

	if (got <= 0 || !taking->extra.fd_count)
		return got;
	int r = os_unix_pair_peek_from(taking->fd, (int)taking->at);
	ssize_t before =
		r ? r : os_unix_peek_before(taking->fd, taking->bytes + BEFORE_BYTES, (size_t)got);

	if (before <= 0)
		return before ? before : got;
	os_unix_extra_close(&taking->extra);
	return before;
}

static int take_parts(struct taking *taking)
{
	int left = os_unix_pair_bytes(taking->fd);

	while (left > 0) {
		int from = os_unix_pair_peek_from(taking->fd, (int)taking->at);
		ssize_t got = from ? from : next_bytes(taking, (size_t)left);

		if (got <= 0 || got > left)
			return got < 0 ? (int)got : -EIO;
		int r = append(taking, (uint32_t)got);

		if (r)
			return r;
		left -= (int)got;
		taking->at += (uint32_t)got;
	}
	return left;
}

static int take_bytes(struct taking *taking)
{
	int left = os_unix_pair_bytes(taking->fd);

	while (left > 0) {
		ssize_t got = peek(taking, IMAGE_CONTENTS_BYTES_MAX);

		if (got <= 0 || got > left)
			return got < 0 ? (int)got : -EIO;
		int r = contents_append(taking->contents, taking->bytes + BEFORE_BYTES,
					(uint32_t)got);

		if (r)
			return r;
		left -= (int)got;
	}
	return left;
}

/* An end that nothing more comes from tells it as an empty message, after the last one. */
static int take_messages(struct taking *taking, bool reads_end)
{
	int r = 0;

	while (r == 0) {
		ssize_t got = peek(taking, BYTES_MAX);

		if (got == -EAGAIN || (got == 0 && reads_end))
			break;
		r = got < 0 ? (int)got : append(taking, (uint32_t)got);
	}
	return r;
}

int unix_queue_take(int fd, enum os_unix_type type, bool reads_end,
		    const struct unix_queue_names *names, struct contents *contents)
{
	struct taking taking = { .fd = fd, .names = names, .contents = contents };
	bool is_stream = type == OS_UNIX_STREAM;
	int r = is_stream && os_unix_pair_has_urgent(fd) ? -EUCLEAN : os_unix_pair_peek_from(fd, 0);

	assert(contents);
	if (r)
		return r;
	taking.bytes = malloc(IMAGE_CONTENTS_MAX);
	if (!taking.bytes)
		r = -ENOMEM;
	else if (!is_stream)
		r = take_messages(&taking, reads_end && type == OS_UNIX_SEQPACKET);
	else
		r = names ? take_parts(&taking) : take_bytes(&taking);
	os_unix_extra_close(&taking.extra);
	free(taking.bytes);
	int back = os_unix_pair_peek_from(fd, -1);

	return r ? r : back;
}

int unix_queue_refuse(int number, int r, struct refusal *refusal)
{
	assert(r < 0 && number >= 0);
	if (r == -E2BIG || r == -EMSGSIZE)
		return refusal_set(refusal, EDVS2BIG,
				   "the Unix socket of descriptor %d has more than %u KiB in it, "
				   "which is the most that can move; let them be read first",
				   number, IMAGE_CONTENTS_MAX >> 10);
	if (r == -ENOLINK)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the Unix socket of descriptor %d has a descriptor in it (SCM_RIGHTS) that "
			"is an end of a connection of Unix sockets, or open in no process that "
			"moves; let it be received first",
			number);
	if (r == -EBADMSG)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the Unix socket of descriptor %d has something in it with a label of its "
			"sender (SO_PASSSEC), which is not carried; let it be received first",
			number);
	if (r == -ENOTSUP)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the Unix socket of descriptor %d has something in it with the "
			"credentials (SO_PASSCRED) of a sender that has ended or does not move "
			"with the process; let it be received first",
			number);
	if (r == -EUCLEAN)
		return refusal_set(refusal, EDVSPROCSTS,
				   "the Unix socket of descriptor %d has a byte in it that is out "
				   "of band (MSG_OOB), which is not carried",
				   number);
	if (r == -ENODATA)
		return refusal_set(
			refusal, EDVSPROCSTS,
			"the Unix socket of descriptor %d has messages in it that cannot "
			"be looked at, because they are empty; let them be received first",
			number);
	return refusal_set(refusal, EDVSIO, "the Unix socket of descriptor %d cannot be read: %s",
			   number, strerror(-r));
}

static int hand_on(struct os_unix_extra *extra, int (*each)(void *ctx, int fd), void *ctx)
{
	int r = 0;

	while (extra->fd_count && r == 0) {
		r = each(ctx, extra->fd[extra->fd_count - 1]);
		extra->fd_count -= r == 0;
	}
	os_unix_extra_close(extra);
	return r;
}

int unix_queue_rights(int fd, enum os_unix_type type, int (*each)(void *ctx, int fd), void *ctx)
{
	uint8_t *bytes = malloc(IMAGE_CONTENTS_MAX);
	int r = bytes ? os_unix_pair_peek_from(fd, 0) : -ENOMEM;
	ssize_t got = 1;

	assert(each);
	/* An end of a connection looks like an empty message. */
	while (r == 0 && (got > 0 || (got == 0 && type == OS_UNIX_DATAGRAM))) {
		struct os_unix_extra extra;

		got = os_unix_peek(fd, bytes, IMAGE_CONTENTS_MAX, &extra);
		r = got >= 0 ? hand_on(&extra, each, ctx) : got == -EAGAIN ? 0 : (int)got;
	}
	int back = bytes ? os_unix_pair_peek_from(fd, -1) : 0;

	free(bytes);
	return r ? r : back;
}

static int send_plain(int sender, const uint8_t *bytes, uint32_t length)
{
	static const struct os_unix_extra none;
	ssize_t sent = os_unix_send(sender, bytes, length, &none);

	return sent == (ssize_t)length ? 0 : sent < 0 ? (int)sent : -ENOSPC;
}

static int fill_bytes(int sender, const struct contents *contents, uint32_t at)
{
	const uint8_t *piece;
	uint32_t length;
	int r = 0;

	while (r == 0 && (piece = contents_next(contents, &at, &length)))
		r = send_plain(sender, piece, length);
	return r;
}

/* A message that is put together of its pieces. */
struct message {
	uint32_t length, left;
	bool begins; /* with the last piece */
};

/* The bytes of the message that this piece has; NULL: it is none of a message. */
static const uint8_t *message_next(struct message *message, const uint8_t *piece, uint32_t *length)
{
	message->begins = !message->left;
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

bool unix_queue_is_whole(const struct contents *contents, uint32_t at,
			 bool (*right)(void *ctx, uint32_t id), void *ctx)
{
	struct message message = { 0 };
	const uint8_t *piece;
	uint32_t length;

	while ((piece = contents_next(contents, &at, &length))) {
		piece = message_next(&message, piece, &length);
		if (!piece ||
		    (right && message.begins && !unix_part_is_whole(piece, length, right, ctx)))
			return false;
	}
	return !message.left;
}

static int fill_messages(int sender, const struct unix_queue_hands *hands,
			 const struct contents *contents, uint32_t at)
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
		if (!message.left)
			r = hands ? unix_part_send(sender, NULL, 0, hands, bytes, message.length)
				  : send_plain(sender, bytes, message.length);
	}
	free(bytes);
	return r;
}

int unix_queue_fill(int sender, enum os_unix_type type, const struct unix_queue_hands *hands,
		    const struct contents *contents, uint32_t at)
{
	return type == OS_UNIX_STREAM && !hands ? fill_bytes(sender, contents, at)
						: fill_messages(sender, hands, contents, at);
}

/* The same messages between sockets of our own take the same room, without their descriptors and credentials. */
int unix_queue_compare(int sender, enum os_unix_type type, bool in_parts,
		       const struct contents *contents, uint32_t at)
{
	int pair[2];
	static const struct unix_queue_hands none;
	int there = os_unix_pair_unread(sender);
	int r = os_unix_pair_new(type, pair);

	if (there < 0 || r)
		return there < 0 ? there : r;
	r = os_unix_pair_set_sizes(pair[0], UNIX_QUEUE_FILLING_BYTES, UNIX_QUEUE_FILLING_BYTES);
	if (r == 0)
		r = unix_queue_fill(pair[0], type, in_parts ? &none : NULL, contents, at);
	int here = r ? r : os_unix_pair_unread(pair[0]);

	os_close(pair[0]);
	os_close(pair[1]);
	return here < 0 ? here : here < there ? -ENODATA : 0;
}
