/* SPDX-License-Identifier: Apache-2.0 */
/* Records are written into a file in memory, damaged there, and read back. */
#include "migrate/stream.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"
#include "migrate/over_test.h"

#define GUARD_BYTES sizeof(struct image_guard)

static int stream;

static void begin(struct writer *writer)
{
	stream = memfd_create("stream", MFD_CLOEXEC);
	CHECK(stream >= 0);
	CHECK_EQ(writer_init(writer, over(stream)), 0);
}

static void rewind_for(struct reader *reader)
{
	CHECK_EQ(lseek(stream, 0, SEEK_SET), 0);
	CHECK_EQ(reader_init(reader, over(stream)), 0);
}

/* A stream of one guard, whose end is right. */
static void write_guard(const struct image_guard *guard)
{
	struct writer writer;

	begin(&writer);
	writer_put(&writer, IMAGE_GUARD, guard, sizeof(*guard));
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
}

static void test_records(void)
{
	const struct image_guard guard = { 0x1000, 0x2000 };
	const struct image_string_head head = { IMAGE_STRING_CWD, 5 };
	struct refusal refusal = REFUSAL_NONE;
	struct writer writer;
	struct reader reader;
	const void *payload;

	begin(&writer);
	writer_put(&writer, IMAGE_GUARD, &guard, sizeof(guard));
	writer_put_two(&writer, IMAGE_STRING, &head, sizeof(head), "/some", 5);
	writer_put(&writer, IMAGE_LAYOUT, NULL, 0);
	CHECK_EQ(writer_end(&writer), 0);
	rewind_for(&reader);
	CHECK_EQ(reader_next(&reader, &payload, &refusal), 0);
	CHECK_EQ(reader.type, IMAGE_GUARD);
	CHECK(reader.length == sizeof(guard) && memcmp(payload, &guard, sizeof(guard)) == 0);
	CHECK_EQ(reader_next(&reader, &payload, &refusal), 0);
	CHECK_EQ(reader.type, IMAGE_STRING);
	CHECK(reader.length == sizeof(head) + 5 &&
	      memcmp((const char *)payload + sizeof(head), "/some", 5) == 0);
	CHECK_EQ((uintptr_t)payload % 8, 0);
	CHECK_EQ(reader_next(&reader, &payload, &refusal), 0);
	CHECK(reader.type == IMAGE_LAYOUT && reader.length == 0 && !reader.over);
	CHECK_EQ(reader_next(&reader, &payload, &refusal), 0);
	CHECK(reader.type == IMAGE_END && reader.over);
	CHECK_EQ(reader.bytes, writer.bytes);
	CHECK_EQ(reader.bytes, lseek(stream, 0, SEEK_END));
	reader_deinit(&reader);
	writer_deinit(&writer);
	close(stream);
}

/* A record may turn out shorter than the room that was taken for it; the rest up to the next one is zeros. */
static void test_reduced(void)
{
	struct refusal refusal = REFUSAL_NONE;
	struct writer writer;
	struct reader reader;
	const void *payload;

	begin(&writer);
	uint8_t *room = writer_reserve(&writer, IMAGE_XSTATE, 4096);

	CHECK_OR_RETURN(room);
	memset(room, 7, 4096);
	writer_commit(&writer, 1001);
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
	rewind_for(&reader);
	CHECK_EQ(reader_next(&reader, &payload, &refusal), 0);
	CHECK_EQ(reader.length, 1001);
	for (size_t i = 0; i < 1008; i++)
		CHECK_EQ(((const uint8_t *)payload)[i], i < 1001 ? 7 : 0);
	CHECK_EQ(reader_next(&reader, &payload, &refusal), 0);
	CHECK_EQ(reader.type, IMAGE_END);
	reader_deinit(&reader);
	close(stream);
}

/* More than the buffers hold. */
static void test_many(void)
{
	static const uint8_t area[IMAGE_XSTATE_MAX];
	struct refusal refusal = REFUSAL_NONE;
	struct writer writer;
	struct reader reader;
	const void *payload;
	unsigned count = 0;

	begin(&writer);
	for (int i = 0; i < 60; i++)
		writer_put(&writer, IMAGE_XSTATE, area, sizeof(area) - (size_t)i * 8);
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
	rewind_for(&reader);
	while (!reader.over && reader_next(&reader, &payload, &refusal) == 0)
		count += reader.type == IMAGE_XSTATE && reader.length == sizeof(area) - count * 8;
	CHECK_EQ(count, 60);
	CHECK_EQ(reader.type, IMAGE_END);
	reader_deinit(&reader);
	close(stream);
}

/* The first thing that is wrong with the stream, as a refusal; 0: nothing is. */
static int read_all(struct refusal *refusal)
{
	struct reader reader;
	const void *payload;
	int r = 0;

	*refusal = REFUSAL_NONE;
	rewind_for(&reader);
	while (!reader.over && r == 0)
		r = reader_next(&reader, &payload, refusal);
	CHECK(reader.over); /* for good */
	reader_deinit(&reader);
	return r;
}

/* Every byte of a stream counts, be it of a head, a payload, or the end. */
static void test_damage(void)
{
	const struct image_guard guard = { 0x1000, 0x2000 };
	struct refusal refusal;

	write_guard(&guard);
	off_t bytes = lseek(stream, 0, SEEK_END);

	CHECK_EQ(bytes, 2 * sizeof(struct image_record) + GUARD_BYTES + sizeof(struct image_end));
	CHECK_EQ(read_all(&refusal), 0);
	for (off_t at = 0; at < bytes; at++) {
		uint8_t was, other;

		CHECK_EQ(pread(stream, &was, 1, at), 1);
		other = was ^ 0x10;
		CHECK_EQ(pwrite(stream, &other, 1, at), 1);
		CHECK_EQ(read_all(&refusal), EDVSIO);
		CHECK(strstr(refusal.reason, "damaged"));
		CHECK_EQ(pwrite(stream, &was, 1, at), 1);
	}
	CHECK_EQ(read_all(&refusal), 0);
	close(stream);
}

static void test_cut_off(void)
{
	const struct image_guard guard = { 0x1000, 0x2000 };
	struct refusal refusal;

	write_guard(&guard);
	for (off_t bytes = lseek(stream, 0, SEEK_END) - 1; bytes >= 0; bytes--) {
		CHECK_EQ(ftruncate(stream, bytes), 0);
		CHECK(is_refusal(read_all(&refusal), &refusal, EDVSIO, "ended early"));
	}
	close(stream);
}

/* A length that no record of the type can have is refused by its head, whose check is right. */
static void test_length(void)
{
	const struct image_guard guards[2] = { { 0x1000, 0x2000 } };
	struct refusal refusal;
	struct writer writer;

	begin(&writer);
	writer_put(&writer, IMAGE_GUARD, guards, sizeof(guards));
	CHECK_EQ(writer_end(&writer), 0);
	writer_deinit(&writer);
	CHECK(is_refusal(read_all(&refusal), &refusal, EDVSIO, "damaged or of another version"));
	close(stream);
}

/* After an error nothing is written, and no room is given. */
static void test_writer_fails_for_good(void)
{
	struct writer writer;
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	close(ends[1]);
	CHECK_EQ(writer_init(&writer, over(ends[0])), 0);
	writer_put(&writer, IMAGE_LAYOUT, NULL, 0);
	CHECK_EQ(writer.error, 0); /* it is in the buffer still */
	writer_flush(&writer);
	CHECK_EQ(writer.error, -EPIPE);
	CHECK(!writer_reserve(&writer, IMAGE_LAYOUT, 0));
	writer_put(&writer, IMAGE_LAYOUT, NULL, 0);
	CHECK_EQ(writer.used, 0);
	CHECK_EQ(writer_end(&writer), -EPIPE);
	writer_deinit(&writer);
	close(ends[0]);
}

/* Reads to the end, or to the damage, and no further. */
static void test_drain(void)
{
	const struct image_guard guard = { 0x1000, 0x2000 };
	struct reader reader;

	write_guard(&guard);
	rewind_for(&reader);
	reader_drain(&reader);
	CHECK(reader.over);
	CHECK_EQ(reader.bytes, lseek(stream, 0, SEEK_END));
	reader_drain(&reader); /* there is nothing more */
	reader_deinit(&reader);
	close(stream);
}

int main(void)
{
	TEST(test_records);
	TEST(test_reduced);
	TEST(test_many);
	TEST(test_damage);
	TEST(test_cut_off);
	TEST(test_length);
	TEST(test_writer_fails_for_good);
	TEST(test_drain);
	return test_end();
}
