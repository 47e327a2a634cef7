/* SPDX-License-Identifier: Apache-2.0 */
/* Messages become contents, long ones in several pieces; contents from outside that are none are refused. */
#include "migrate/unix_datagrams.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "os/unix_socket.h"

#define LONG 150000

static struct contents contents;

static void test_taken(void)
{
	static uint8_t bytes[LONG];
	int to = os_unix_datagram_new(), from = os_unix_datagram_new();
	const uint8_t at[] = "\0dvs-datagrams-test", other[] = "\0dvs-datagrams-test-2";

	CHECK_EQ(os_unix_socket_bind(to, -1, at, sizeof(at)), 0);
	CHECK_EQ(os_unix_datagram_send(from, at, sizeof(at), bytes, LONG), 0);
	CHECK_EQ(os_unix_socket_bind(from, -1, other, sizeof(other)), 0);
	CHECK_EQ(os_unix_datagram_connect(from, at, sizeof(at)), 0);
	CHECK_EQ(send(from, "x", 1, 0), 1);
	for (int again = 0; again < 2; again++) {
		contents_free(&contents);
		CHECK_EQ(unix_datagrams_take(to, NULL, &contents), 0);
		CHECK(contents.length > LONG && unix_datagrams_are_whole(&contents, 0, NULL, NULL));
	}
	CHECK(recv(to, bytes, LONG, MSG_DONTWAIT) == LONG && recv(to, bytes, LONG, 0) == 1);
	close(to);
	close(from);
}

/* One with a descriptor. */
static void test_refused(void)
{
	int pair[2];
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} part = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec io = { "x", 1 };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &part,
				  .msg_controllen = sizeof(part) };

	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	memcpy(CMSG_DATA(&part.head), &pair[0], sizeof(int));
	CHECK_EQ(sendmsg(pair[0], &message, 0), 1);
	contents_free(&contents);
	CHECK_EQ(unix_datagrams_take(pair[1], NULL, &contents), -EBADMSG);
	close(pair[0]);
	close(pair[1]);
}

static bool is_whole(const uint32_t *words, uint32_t bytes)
{
	contents_free(&contents);
	CHECK_EQ(contents_append(&contents, words, bytes), 0);
	return unix_datagrams_are_whole(&contents, 0, NULL, NULL);
}

static void test_damaged(void)
{
	const uint32_t good[] = { 4, 4, 1, 2 }, more[] = { 8, 4, 1, 2 }, less[] = { 2, 4, 1, 2 };
	const uint32_t name[] = { 0, 109 };

	contents_free(&contents);
	CHECK(unix_datagrams_are_whole(&contents, 0, NULL, NULL));
	CHECK(is_whole(good, sizeof(good)));
	CHECK(!is_whole(good, 7));	      /* no head */
	CHECK(!is_whole(more, sizeof(more))); /* bytes are missing */
	CHECK(!is_whole(less, sizeof(less))); /* there are too many */
	CHECK(!is_whole(name, sizeof(name))); /* a name that is too long */
	CHECK_EQ(contents_append(&contents, good, sizeof(good)), 0);
}

int main(void)
{
	TEST(test_taken);
	TEST(test_refused);
	TEST(test_damaged);
	contents_free(&contents);
	return test_end();
}
