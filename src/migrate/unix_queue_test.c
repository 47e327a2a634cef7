/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_queue.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

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
	CHECK_EQ(unix_queue_take(from[1], type, false, &contents), 0);
	CHECK(!contents.length && unix_queue_is_whole(&contents, 0));
	send_to(3);
	send_to(0);
	send_to(MUCH);
	send_to(1);
	CHECK_EQ(unix_queue_take(from[1], type, false, &contents), 0);
	CHECK(unix_queue_is_whole(&contents, 0));
	CHECK_EQ(unix_queue_compare(from[0], type, &contents, 0), 0);
	CHECK_EQ(unix_queue_fill(to[0], type, &contents, 0), 0);
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
	CHECK_EQ(unix_queue_take(from[1], OS_UNIX_DATAGRAM, false, &contents), 0);
	contents_free(&contents);
	CHECK_EQ(unix_queue_take(from[1], OS_UNIX_DATAGRAM, false, &contents), 0);
	CHECK_EQ(unix_queue_compare(from[0], OS_UNIX_DATAGRAM, &contents, 0), -ENODATA);
	end();
}

/* The end of a connection is no message. */
static void test_ended(void)
{
	begin(OS_UNIX_SEQPACKET);
	send_to(3);
	CHECK_EQ(shutdown(from[0], SHUT_WR), 0);
	CHECK_EQ(unix_queue_take(from[1], OS_UNIX_SEQPACKET, true, &contents), 0);
	CHECK_EQ(contents.length, 4 + 4 + 3);
	end();
}

static void test_stream(void)
{
	begin(OS_UNIX_STREAM);
	send_to(MUCH);
	CHECK_EQ(unix_queue_take(from[1], OS_UNIX_STREAM, false, &contents), 0);
	CHECK_EQ(unix_queue_fill(to[0], OS_UNIX_STREAM, &contents, 0), 0);
	CHECK(recv(to[1], got, MUCH, MSG_WAITALL) == MUCH && memcmp(got, bytes, MUCH) == 0);
	contents_free(&contents);
	if (send(from[0], "u", 1, MSG_OOB) == 1)
		CHECK_EQ(unix_queue_take(from[1], OS_UNIX_STREAM, false, &contents), -EUCLEAN);
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
		CHECK(!unix_queue_is_whole(&contents, 0));
		contents_free(&contents);
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
	return test_end();
}
