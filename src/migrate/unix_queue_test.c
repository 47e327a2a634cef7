/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_queue.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "os/unix_message.h"

#define MUCH 150000 /* more than one piece */

static unsigned char bytes[MUCH], got[MUCH + 1];
static struct contents contents;
static int from[2], to[2];

static void begin(enum os_unix_type type)
{
	for (int i = 0; i < MUCH; i++)
		bytes[i] = (unsigned char)(i * 7);
	CHECK_EQ(os_unix_pair_new(type, from), 0);
	CHECK_EQ(os_unix_pair_new(type, to), 0);
}

static void end(void)
{
	contents_free(&contents);
	for (int i = 0; i < 2; i++) {
		close(from[i]);
		close(to[i]);
	}
}

static void send_to(int length)
{
	CHECK_EQ(send(from[0], bytes, (size_t)length, MSG_DONTWAIT), length);
}

static bool receives(int fd, int length)
{
	return recv(fd, got, sizeof(got), MSG_DONTWAIT) == length &&
	       memcmp(got, bytes, (size_t)length) == 0;
}

static void test_messages(enum os_unix_type type)
{
	begin(type);
	CHECK_EQ(unix_queue_take(from[1], type, false, NULL, &contents), 0);
	CHECK(!contents.length && unix_queue_is_whole(&contents, 0, NULL, NULL));
	send_to(3);
	send_to(0);
	send_to(MUCH);
	send_to(1);
	CHECK_EQ(unix_queue_take(from[1], type, false, NULL, &contents), 0);
	CHECK(unix_queue_is_whole(&contents, 0, NULL, NULL));
	CHECK_EQ(unix_queue_compare(from[0], type, false, &contents, 0), 0);
	CHECK_EQ(unix_queue_fill(to[0], type, NULL, &contents, 0), 0);
	for (int pair = 0; pair < 2; pair++) {
		int reader = pair ? to[1] : from[1];

		CHECK(receives(reader, 3) && receives(reader, 0) && receives(reader, MUCH) &&
		      receives(reader, 1));
		CHECK(recv(reader, got, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	}
	end();
}

static void test_datagrams(void)
{
	test_messages(OS_UNIX_DATAGRAM);
}

static void test_packets(void)
{
	test_messages(OS_UNIX_SEQPACKET);
}

/* An empty message behind another one is seen once; after that its room tells of it. */
static void test_hidden(void)
{
	begin(OS_UNIX_DATAGRAM);
	send_to(3);
	send_to(0);
	CHECK_EQ(unix_queue_take(from[1], OS_UNIX_DATAGRAM, false, NULL, &contents), 0);
	contents_free(&contents);
	CHECK_EQ(unix_queue_take(from[1], OS_UNIX_DATAGRAM, false, NULL, &contents), 0);
	CHECK_EQ(unix_queue_compare(from[0], OS_UNIX_DATAGRAM, false, &contents, 0), -ENODATA);
	end();
}

/* The end of a connection is no message. */
static void test_ended(void)
{
	begin(OS_UNIX_SEQPACKET);
	send_to(3);
	CHECK_EQ(shutdown(from[0], SHUT_WR), 0);
	CHECK_EQ(unix_queue_take(from[1], OS_UNIX_SEQPACKET, true, NULL, &contents), 0);
	CHECK_EQ(contents.length, 4 + 4 + 3);
	end();
}

static void test_stream(void)
{
	begin(OS_UNIX_STREAM);
	send_to(MUCH);
	CHECK_EQ(unix_queue_take(from[1], OS_UNIX_STREAM, false, NULL, &contents), 0);
	CHECK_EQ(unix_queue_fill(to[0], OS_UNIX_STREAM, NULL, &contents, 0), 0);
	CHECK(recv(to[1], got, MUCH, MSG_WAITALL) == MUCH && memcmp(got, bytes, MUCH) == 0);
	contents_free(&contents);
	if (send(from[0], "u", 1, MSG_OOB) == 1)
		CHECK_EQ(unix_queue_take(from[1], OS_UNIX_STREAM, false, NULL, &contents),
			 -EUCLEAN);
	end();
}

/* From outside: pieces that are no messages. */
static void test_not_whole(void)
{
	static const struct {
		const char *bytes;
		uint32_t length;
	} row[] = { { "ab", 2 }, { "\3\0\0\0ab", 6 }, { "\1\0\0\0ab", 6 }, { "\1\0\0\x80", 4 } };

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		CHECK_EQ(contents_append(&contents, row[i].bytes, row[i].length), 0);
		CHECK(!unix_queue_is_whole(&contents, 0, NULL, NULL));
		contents_free(&contents);
	}
}

static int32_t seven(void *ctx, pid_t pid)
{
	(void)ctx;
	return pid == getpid() ? 7 : -ESRCH;
}

static uint32_t from_ten(void *ctx, int fd)
{
	return ctx && fd >= 0 ? 10 + (*(uint32_t *)ctx)++ : 0;
}

static pid_t self(void *ctx, int32_t number)
{
	(void)ctx;
	return number == 7 ? getpid() : -ESRCH;
}

static int standard(void *ctx, uint32_t id)
{
	(void)ctx;
	return id == 10 || id == 11 ? dup((int)id - 10) : -EBADF;
}

static bool is_passed(void *ctx, uint32_t id)
{
	(void)ctx;
	return id == 10 || id == 11;
}

static const struct unix_queue_hands hands = { NULL, self, standard };

static void send_with(const char *text, int fd)
{
	const struct os_unix_extra extra = { .fd = { fd }, .fd_count = fd >= 0 };

	CHECK_EQ(os_unix_send(from[0], text, strlen(text), &extra), (ssize_t)strlen(text));
}

/* The next message, or the bytes that one receive gives. */
static bool has_next(int fd, const char *text, uint32_t rights)
{
	struct os_unix_extra extra;
	size_t length = strlen(text);
	bool has = os_unix_peek(fd, got, sizeof(got), &extra) == (ssize_t)length &&
		   memcmp(got, text, length) == 0 && extra.fd_count == rights && extra.has_sender &&
		   extra.pid == getpid() && extra.uid == getuid();

	os_unix_extra_close(&extra);
	return has && recv(fd, got, length, 0) == (ssize_t)length;
}

/* Descriptors and credentials of messages, and with which byte of a stream. */
static void test_parts(void)
{
	static const enum os_unix_type types[] = { OS_UNIX_STREAM, OS_UNIX_DATAGRAM,
						   OS_UNIX_SEQPACKET };
	const int on = 1;

	for (int i = 0; i < 3; i++) {
		bool is_stream = types[i] == OS_UNIX_STREAM;
		uint32_t count = 0;
		const struct unix_queue_names names = { &count, seven, from_ten };

		begin(types[i]);
		CHECK(setsockopt(from[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
		send_with("abc", -1);
		send_with("defg", 0);
		send_with("hi", -1);
		send_with("j", 1);
		CHECK_EQ(unix_queue_take(from[1], types[i], false, NULL, &contents), -EBADMSG);
		contents_free(&contents);
		CHECK_EQ(unix_queue_take(from[1], types[i], false, &names, &contents), 0);
		CHECK(unix_queue_is_whole(&contents, 0, is_passed, NULL) && count == 2);
		if (!is_stream)
			CHECK_EQ(unix_queue_compare(from[0], types[i], true, &contents, 0), 0);
		CHECK_EQ(unix_queue_fill(to[0], types[i], &hands, &contents, 0), 0);
		CHECK(setsockopt(to[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
		for (int pair = 0; pair < 2; pair++) {
			int reader = pair ? to[1] : from[1];

			CHECK(is_stream ? recv(reader, got, 3, 0) == 3
					: has_next(reader, "abc", 0));
			CHECK(has_next(reader, "defg", 1));
			CHECK(is_stream ? recv(reader, got, 2, 0) == 2 : has_next(reader, "hi", 0));
			CHECK(has_next(reader, "j", 1));
		}
		end();
	}
}

int main(void)
{
	TEST(test_datagrams);
	TEST(test_packets);
	TEST(test_hidden);
	TEST(test_ended);
	TEST(test_stream);
	TEST(test_not_whole);
	TEST(test_parts);
	return test_end();
}
