// SPDX-License-Identifier: Apache-2.0
#include "node/task/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "os/loop.h"
#include "os/socket.h"

static struct os_loop *loop;
static struct output *process_log;
static uint8_t *told; /* all that the listener was told */
static size_t told_bytes;

static void on_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
	CHECK(ctx == &told);
	memcpy(told + told_bytes, bytes, len);
	told_bytes += len;
}

static uint32_t limit = OUTPUT_BYTES;

static void setup(void)
{
	told = calloc(1, 4 * OUTPUT_MOST);
	told_bytes = 0;
	CHECK(told && !os_loop_new(&loop, NULL));
	CHECK(!output_new(loop, limit, &process_log));
	output_listen(process_log, on_bytes, &told);
}

static void teardown(void)
{
	process_log = output_free(process_log);
	loop = os_loop_free(loop);
	free(told);
}

static void say(const void *bytes, size_t len)
{
	CHECK_EQ(write(output_fd(process_log), bytes, len), (ssize_t)len);
}

static bool kept(const char *text)
{
	char buf[256];
	size_t n = output_export(process_log, (uint8_t *)buf, sizeof(buf));

	return n == strlen(text) && !memcmp(buf, text, n);
}

static void test_drain(void)
{
	setup();
	CHECK_EQ(output_size(process_log), 0);
	CHECK(kept(""));
	output_drain(process_log);
	say("one ", 4);
	say("two ", 4);
	CHECK_EQ(output_size(process_log), 0);
	output_drain(process_log);
	CHECK(kept("one two "));
	CHECK_EQ(told_bytes, 8);
	CHECK(!memcmp(told, "one two ", 8));
	teardown();
}

static void on_time(void *ctx)
{
	os_loop_stop(ctx);
}

static void test_loop_reads(void)
{
	struct os_source *timer = NULL;

	setup();
	say("hello", 5);
	CHECK(!os_source_timer(loop, 20000, on_time, loop, &timer));
	CHECK(!os_loop_run(loop));
	CHECK(kept("hello"));
	CHECK_EQ(output_total(process_log), 5);
	os_source_free(timer);
	teardown();
}

static void test_without_listener(void)
{
	setup();
	output_listen(process_log, NULL, NULL);
	say("x", 1);
	output_drain(process_log);
	CHECK_EQ(told_bytes, 0);
	CHECK(kept("x"));
	teardown();
}

/* Byte n of the stream is a function of n, so any part of it can be checked. */
static uint8_t byte_of(uint64_t n)
{
	return (uint8_t)(n * 2654435761u >> 16);
}

static void say_stream(uint64_t from, size_t len)
{
	static uint8_t bytes[60000];

	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_of(from + i);
	say(bytes, len);
	output_drain(process_log);
}

static void check_stream(uint64_t total)
{
	size_t want = total < limit ? (size_t)total : limit, wrong = 0;
	uint8_t *bytes = calloc(1, limit);

	CHECK_EQ(output_total(process_log), total);
	CHECK_EQ(output_size(process_log), want);
	CHECK_EQ(output_export(process_log, bytes, limit), want);
	for (size_t i = 0; i < want; i++)
		wrong += bytes[i] != byte_of(total - want + i);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(output_export(process_log, bytes, 100), total < 100 ? (size_t)total : 100);
	for (size_t i = 0; total >= 100 && i < 100; i++)
		wrong += bytes[i] != byte_of(total - 100 + i);
	CHECK_EQ(wrong, 0);
	free(bytes);
}

static void fill(void)
{
	uint64_t total = 0;

	setup();
	for (size_t i = 0; total < 3 * limit; i++) {
		size_t len = i * 7919 % 60000 + 1;

		say_stream(total, len);
		total += len;
		if (i % 16 == 0 || i < 4)
			check_stream(total);
	}
	check_stream(total);
	CHECK_EQ(told_bytes, total);
	teardown();
}

static void test_the_last_bytes_are_kept(void)
{
	static const uint32_t limits[] = { OUTPUT_BYTES, OUTPUT_LEAST, 100001, OUTPUT_MOST };

	for (int i = 0; i < 4; i++) {
		limit = limits[i];
		fill();
	}
	limit = OUTPUT_BYTES;
}

static void test_limits(void)
{
	struct output *other = NULL;

	setup();
	CHECK_EQ(output_limit(process_log), OUTPUT_BYTES);
	CHECK_EQ(output_new(loop, OUTPUT_LEAST - 1, &other), -EINVAL);
	CHECK_EQ(output_new(loop, OUTPUT_MOST + 1, &other), -EINVAL);
	CHECK_EQ(output_new(loop, 0, &other), -EINVAL);
	CHECK(!other);
	teardown();
}

static void test_a_log_moves(void)
{
	struct output *other = NULL;
	uint8_t buf[64];
	size_t n;

	setup();
	say("before ", 7);
	output_drain(process_log);
	n = output_export(process_log, buf, sizeof(buf));
	CHECK(!output_new(loop, limit, &other));
	output_free(process_log);
	process_log = other;
	output_listen(process_log, on_bytes, &told);
	output_import(process_log, buf, n);
	CHECK_EQ(told_bytes, 7); /* no listener is told twice */
	say("after", 5);
	output_drain(process_log);
	CHECK(kept("before after"));
	CHECK_EQ(told_bytes, 12);
	teardown();
}

static void test_import_of_too_much(void)
{
	uint8_t *big = malloc(2 * OUTPUT_BYTES);

	setup();
	for (size_t i = 0; i < 2 * OUTPUT_BYTES; i++)
		big[i] = byte_of(i);
	output_import(process_log, big, 2 * OUTPUT_BYTES);
	check_stream(2 * OUTPUT_BYTES);
	free(big);
	teardown();
}

static void test_identity_and_flags(void)
{
	OS_CLEANUP_FD int copy = -1;
	struct stat st;
	int fd;

	setup();
	fd = output_fd(process_log);
	copy = dup(fd);
	CHECK(!fstat(copy, &st));
	CHECK(output_is(process_log, st.st_dev, st.st_ino));
	CHECK(!output_is(process_log, st.st_dev, st.st_ino + 1));
	CHECK(!output_is(process_log, st.st_dev + 1, st.st_ino));
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	CHECK(output_free(NULL) == NULL);
	teardown();
}

/* As after an execve: the same pipe, and the same ring. */
static void test_a_log_is_adopted(void)
{
	struct output_place place;

	setup();
	say("before ", 7);
	output_drain(process_log);
	say("in between ", 11); /* waits in the pipe */
	output_place(process_log, &place);
	place.read_fd = os_dup(place.read_fd);
	place.write_fd = os_dup(place.write_fd);
	place.ring_fd = os_dup(place.ring_fd);
	process_log = output_free(process_log);
	CHECK_EQ(output_adopt(loop, &place, &process_log), 0);
	CHECK(kept("before "));
	say("after", 5);
	output_drain(process_log);
	CHECK(kept("before in between after"));
	CHECK_EQ(output_total(process_log), 23);
	teardown();
}

/* As after a death: the place is older than the last bytes, which are in the ring all the same. */
static void test_an_old_place(void)
{
	struct output_place place;

	setup();
	say("first ", 6);
	output_drain(process_log);
	output_place(process_log, &place);
	place.read_fd = os_dup(place.read_fd);
	place.write_fd = os_dup(place.write_fd);
	place.ring_fd = os_dup(place.ring_fd);
	say("second ", 7);
	output_drain(process_log);
	process_log = output_free(process_log);
	CHECK_EQ(output_adopt(loop, &place, &process_log), 0);
	CHECK_EQ(output_total(process_log), 13);
	CHECK(kept("first second "));
	say("third", 5);
	output_drain(process_log);
	CHECK(kept("first second third"));
	teardown();
}

static void test_a_damaged_place_is_refused(void)
{
	struct output_place place;
	struct output *other;

	setup();
	for (int i = 0; i < 4; i++) {
		output_place(process_log, &place);
		CHECK_EQ(place.ring_fd, -1); /* nobody has written */
		place.read_fd = os_dup(place.read_fd);
		place.write_fd = os_dup(place.write_fd);
		place.size = i == 0;
		place.start = i == 1 ? OUTPUT_BYTES : 0;
		if (i == 3)
			place.limit = OUTPUT_MOST + 1;
		if (i == 2)
			place.ring_fd = os_dup(place.read_fd); /* no ring */
		CHECK(output_adopt(loop, &place, &other) < 0);
	}
	teardown();
}

int main(void)
{
	TEST(test_a_log_is_adopted);
	TEST(test_an_old_place);
	TEST(test_a_damaged_place_is_refused);
	TEST(test_drain);
	TEST(test_loop_reads);
	TEST(test_without_listener);
	TEST(test_the_last_bytes_are_kept);
	TEST(test_limits);
	TEST(test_a_log_moves);
	TEST(test_import_of_too_much);
	TEST(test_identity_and_flags);
	return test_end();
}
