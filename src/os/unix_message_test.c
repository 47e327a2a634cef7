/* SPDX-License-Identifier: Apache-2.0 */
#include "os/unix_message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "os/unix_pair.h"

static struct os_unix_extra extra;
static const struct os_unix_extra none;
static char got[8];

static void make(enum os_unix_type type, int pair[2])
{
	CHECK_EQ(os_unix_pair_new(type, pair), 0);
}

static void close_both(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

/* Bytes that were looked at are still there. */
static void test_bytes(void)
{
	int pair[2];

	make(OS_UNIX_STREAM, pair);
	CHECK_EQ(os_unix_send(pair[0], "abcdef", 6, &none), 6);
	CHECK_EQ(os_unix_pair_bytes(pair[1]), 6);
	CHECK(!os_unix_pair_has_urgent(pair[1]));
	CHECK_EQ(os_unix_pair_peek_from(pair[1], 0), 0);
	CHECK(os_unix_peek(pair[1], got, 4, &extra) == 4 && memcmp(got, "abcd", 4) == 0);
	CHECK(os_unix_peek(pair[1], got, 4, &extra) == 2 && memcmp(got, "ef", 2) == 0);
	CHECK(!extra.fd_count && !extra.has_sender && !extra.has_other);
	CHECK_EQ(os_unix_peek(pair[1], got, 4, &extra), -EAGAIN);
	CHECK_EQ(os_unix_pair_peek_from(pair[1], -1), 0);
	CHECK(recv(pair[1], got, 8, MSG_DONTWAIT) == 6 && memcmp(got, "abcdef", 6) == 0);
	if (send(pair[0], "u", 1, MSG_OOB) == 1)
		CHECK(os_unix_pair_has_urgent(pair[1]));
	close_both(pair);
	CHECK_EQ(os_unix_pair_bytes(pair[0]), -EBADF);
}

/* One message after the other, and then they are all still there. */
static void test_messages(void)
{
	int pair[2];

	make(OS_UNIX_DATAGRAM, pair);
	CHECK_EQ(os_unix_pair_unread(pair[0]), 0);
	CHECK_EQ(os_unix_send(pair[0], "abc", 3, &none), 3);
	CHECK_EQ(os_unix_send(pair[0], "", 0, &none), 0);
	CHECK_EQ(os_unix_send(pair[0], "de", 2, &none), 2);
	CHECK(os_unix_pair_unread(pair[0]) > 0 && os_unix_pair_unread(pair[1]) == 0);
	CHECK_EQ(os_unix_pair_peek_from(pair[1], 0), 0);
	CHECK_EQ(os_unix_peek(pair[1], got, 8, &extra), 3);
	CHECK_EQ(os_unix_peek(pair[1], got, 8, &extra), 0);
	CHECK(os_unix_peek(pair[1], got, 8, &extra) == 2 && memcmp(got, "de", 2) == 0);
	CHECK_EQ(os_unix_peek(pair[1], got, 8, &extra), -EAGAIN);
	CHECK_EQ(os_unix_pair_peek_from(pair[1], 0), 0);
	CHECK_EQ(os_unix_peek(pair[1], got, 2, &extra), -EMSGSIZE);
	CHECK_EQ(os_unix_pair_peek_from(pair[1], -1), 0);
	CHECK_EQ(recv(pair[1], got, 8, MSG_DONTWAIT), 3);
	CHECK_EQ(recv(pair[1], got, 8, MSG_DONTWAIT), 0);
	CHECK_EQ(recv(pair[1], got, 8, MSG_DONTWAIT), 2);
	CHECK_EQ(os_unix_pair_unread(pair[0]), 0);
	close_both(pair);
}

/* Descriptors and credentials come with each look, and the time of a message is none of these. */
static void test_extra(void)
{
	const int on = 1;
	int pair[2], before = dup(0);

	close(before);
	make(OS_UNIX_STREAM, pair);
	CHECK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0 &&
	      setsockopt(pair[1], SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)) == 0);
	const struct os_unix_extra sent = { .fd = { 0, 1 },
					    .fd_count = 2,
					    .has_sender = true,
					    .pid = getpid(),
					    .uid = getuid(),
					    .gid = getgid() };

	CHECK_EQ(os_unix_send(pair[0], "x", 1, &sent), 1);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(os_unix_peek(pair[1], got, 1, &extra), 1);
		CHECK(extra.fd_count == 2 && extra.has_sender && !extra.has_other);
		CHECK(extra.pid == getpid() && extra.uid == getuid() && extra.gid == getgid());
		os_unix_extra_close(&extra);
		CHECK_EQ(extra.fd_count, 0);
	}
	close_both(pair);
	int after = dup(0);

	CHECK_EQ(after, before); /* all of them are closed */
	close(after);
}

int main(void)
{
	TEST(test_bytes);
	TEST(test_messages);
	TEST(test_extra);
	return test_end();
}
