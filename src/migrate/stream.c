/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "dvk/errors.h"
#include "os/socket.h"

/* Room for a small process at once, so that neither side waits for the other page by page. */
#define SOCKET_BYTES (4 << 20)
#define PIECE_BYTES  (64 * 1024)
#define BUFFER_BYTES (2 * (IMAGE_RECORD_MAX + 64))

static size_t padded(size_t length)
{
	return (length + 7) & ~(size_t)7;
}

int writer_init(struct writer *writer, struct secure *to)
{
	os_socket_widen(secure_fd(to), true, SOCKET_BYTES);
	*writer = (struct writer){ .to = to, .hash = HASH_SEED };
	writer->buffer = malloc(BUFFER_BYTES);
	return writer->buffer ? 0 : -ENOMEM;
}

void writer_deinit(struct writer *writer)
{
	free(writer->buffer);
	*writer = (struct writer){ 0 };
}

/* Each piece in time, however many there are. */
static int send_all(struct writer *writer, const uint8_t *bytes, size_t length)
{
	while (length) {
		size_t piece = length < PIECE_BYTES ? length : PIECE_BYTES;
		int r = secure_write_full(writer->to, bytes, piece, STREAM_TIMEOUT_MS);

		if (r < 0)
			return r;
		bytes += piece;
		length -= piece;
	}
	return 0;
}

void writer_flush(struct writer *writer)
{
	if (writer->error || writer->used == 0)
		return;
	assert(writer->used <= BUFFER_BYTES);
	assert(!writer->open); /* half a record would be sent */
	writer->error = send_all(writer, writer->buffer, writer->used);
	writer->bytes += writer->used;
	writer->used = 0;
}

static uint64_t head_check(uint64_t before, const struct image_record *record)
{
	return hash_word(before, (uint64_t)record->type << 32 | record->length);
}

void *writer_reserve(struct writer *writer, enum image_type type, size_t length)
{
	assert(length <= IMAGE_RECORD_MAX && !writer->open);
	if (writer->used + sizeof(struct image_record) + padded(length) > BUFFER_BYTES / 2)
		writer_flush(writer);
	if (writer->error)
		return NULL;
	writer->open = (struct image_record *)(writer->buffer + writer->used);
	*writer->open = (struct image_record){ .type = type, .length = (uint32_t)length };
	return writer->open + 1;
}

void writer_commit(struct writer *writer, size_t length)
{
	struct image_record *record = writer->open;

	if (writer->error || !record)
		return;
	assert(length <= record->length);
	size_t total = sizeof(*record) + padded(length);

	record->length = (uint32_t)length;
	record->check = head_check(writer->hash, record);
	memset((uint8_t *)(record + 1) + length, 0, padded(length) - length);
	writer->hash = hash_bytes(writer->hash, record, total);
	writer->used += total;
	writer->open = NULL;
}

void writer_put(struct writer *writer, enum image_type type, const void *payload, size_t length)
{
	writer_put_two(writer, type, payload, length, NULL, 0);
}

void writer_put_two(struct writer *writer, enum image_type type, const void *head,
		    size_t head_bytes, const void *tail, size_t tail_bytes)
{
	uint8_t *room = writer_reserve(writer, type, head_bytes + tail_bytes);

	if (!room)
		return;
	if (head_bytes)
		memcpy(room, head, head_bytes);
	if (tail_bytes)
		memcpy(room + head_bytes, tail, tail_bytes);
	writer_commit(writer, head_bytes + tail_bytes);
}

int writer_end(struct writer *writer)
{
	struct image_end end = { .hash = writer->hash };

	writer_put(writer, IMAGE_END, &end, sizeof(end));
	writer_flush(writer);
	return writer->error;
}

int reader_init(struct reader *reader, struct secure *from)
{
	os_socket_widen(secure_fd(from), false, SOCKET_BYTES);
	*reader = (struct reader){ .from = from, .hash = HASH_SEED };
	reader->buffer = malloc(BUFFER_BYTES);
	return reader->buffer ? 0 : -ENOMEM;
}

void reader_deinit(struct reader *reader)
{
	free(reader->buffer);
	*reader = (struct reader){ 0 };
}

/* Reads on until `wanted` bytes of the current record lie in the buffer from start on. */
static int fill(struct reader *reader, size_t wanted)
{
	assert(reader->start <= reader->end && reader->end <= BUFFER_BYTES);
	assert(wanted <= BUFFER_BYTES);
	if (reader->start && reader->start + wanted > BUFFER_BYTES) {
		memmove(reader->buffer, reader->buffer + reader->start,
			reader->end - reader->start);
		reader->end -= reader->start;
		reader->start = 0;
	}
	while (reader->end - reader->start < wanted) {
		size_t missing = wanted - (reader->end - reader->start);
		ssize_t got = secure_read(reader->from, reader->buffer + reader->end, missing);
		int r = got == -EAGAIN ? secure_wait(reader->from, STREAM_TIMEOUT_MS) : 0;

		if (got < 0 && got != -EAGAIN)
			return (int)got;
		if (r < 0)
			return r;
		if (got > 0)
			reader->end += (size_t)got;
	}
	return 0;
}

static int refuse_link(struct refusal *refusal, int r)
{
	return refusal_set_number(refusal, r == -ETIMEDOUT ? EDVSTIMEDOUT : EDVSIO,
				  "the source's stream ended early: %s", strerror(-r));
}

static int check_end(struct reader *reader, uint64_t hash, const void *payload,
		     struct refusal *refusal)
{
	const struct image_end *end = payload;

	if (reader->type != IMAGE_END || end->hash == hash)
		return 0;
	return refusal_set(refusal, EDVSIO,
			   "the image was damaged on its way: its checksum is wrong");
}

static int read_record(struct reader *reader, const void **payload, struct refusal *refusal)
{
	struct image_record record;
	uint64_t before = reader->hash;

	if (reader->start == reader->end)
		reader->start = reader->end = 0;
	int r = fill(reader, sizeof(record));

	if (r < 0)
		return refuse_link(refusal, r);
	memcpy(&record, reader->buffer + reader->start, sizeof(record));
	if (record.check != head_check(before, &record) ||
	    !image_length_ok(record.type, record.length))
		return refusal_set(refusal, EDVSIO, "the image is damaged or of another version");
	size_t total = sizeof(record) + padded(record.length);

	r = fill(reader, total);
	if (r < 0)
		return refuse_link(refusal, r);
	assert(reader->start + total <= reader->end);
	reader->hash = hash_bytes(reader->hash, reader->buffer + reader->start, total);
	reader->type = record.type;
	reader->length = record.length;
	reader->bytes += total;
	*payload = reader->buffer + reader->start + sizeof(record);
	reader->start += total;
	return check_end(reader, before, *payload, refusal);
}

int reader_next(struct reader *reader, const void **payload, struct refusal *refusal)
{
	assert(!reader->over);
	int r = read_record(reader, payload, refusal);

	reader->over = r != 0 || reader->type == IMAGE_END;
	return r;
}

void reader_drain(struct reader *reader)
{
	struct refusal ignored = REFUSAL_NONE;
	const void *payload;

	while (!reader->over)
		reader_next(reader, &payload, &ignored);
}
