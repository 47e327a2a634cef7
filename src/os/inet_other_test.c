/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of a connection over the loopback is found in each state. */
#include "os/inet_other.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

static int listener;
static struct os_inet_end at;

static struct os_inet_end end_of(int fd)
{
	struct os_inet inet;

	CHECK_EQ(os_inet_look(fd, &inet), 0);
	return inet.own;
}

static void listen_at(bool is_v6)
{
	const struct os_inet_kind kind = { .is_v6 = is_v6, .uid = geteuid(), .gid = getegid() };
	const struct os_inet_end any = { .address = { { [15] = 1 } } };
	const struct os_inet_end any_v4 = { .address = { { [10] = 0xff, 0xff, 127, 0, 0, 1 } } };

	listener = os_inet_new(&kind);
	CHECK_EQ(os_inet_bind(listener, is_v6, is_v6 ? &any : &any_v4), 0);
	CHECK_EQ(os_inet_listen(listener, 1), 0);
	at = end_of(listener);
}

static int call(bool is_v6)
{
	const struct os_inet_kind kind = { .is_v6 = is_v6, .uid = geteuid(), .gid = getegid() };
	int fd = os_inet_new(&kind);

	CHECK_EQ(os_inet_connect(fd, is_v6, &at), 0);
	CHECK_EQ(poll(&(struct pollfd){ .fd = listener, .events = POLLIN }, 1, 5000), 1);
	return fd;
}

static int other_of(int fd)
{
	const struct os_inet_end own = end_of(fd);

	return os_inet_other_find(&own, &at);
}

static void test_found(void)
{
	const struct linger at_once = { 1, 0 };
	static const uint8_t much[4 << 20];

	for (int v6 = 0; v6 < 2; v6++) {
		listen_at(v6);
		int fd = call(v6);

		CHECK_EQ(other_of(fd), OS_INET_OTHER_WAITS);
		int taken = accept(listener, NULL, NULL);

		CHECK_EQ(other_of(fd), OS_INET_OTHER_OWNED);
		close(taken);
		CHECK_EQ(poll(&(struct pollfd){ .fd = fd, .events = POLLRDHUP }, 1, 5000), 1);
		CHECK_EQ(other_of(fd), OS_INET_OTHER_GONE);
		close(fd);
		fd = call(v6);
		taken = accept(listener, NULL, NULL);
		CHECK(send(taken, much, sizeof(much), MSG_DONTWAIT) > 0);
		close(taken);
		CHECK_EQ(other_of(fd), OS_INET_OTHER_CLOSING);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(fd);
		close(listener);
	}
}

static void test_unknown(void)
{
	const struct os_inet_end nobody = { at.address, 1 };

	CHECK_EQ(os_inet_other_find(&nobody, &nobody), -EOPNOTSUPP);
}

static void test_here(void)
{
	CHECK(os_inet_is_here((struct address){ { [10] = 0xff, 0xff, 127, 0, 0, 1 } }));
	CHECK(os_inet_is_here((struct address){ { [15] = 1 } }));
	CHECK(!os_inet_is_here((struct address){ { [10] = 0xff, 0xff, 192, 0, 2, 7 } }));
	CHECK(!os_inet_is_here(ADDRESS_NONE));
	/* Of several machines. */
	CHECK(!os_inet_is_here((struct address){ { [10] = 0xff, 0xff, 239, 1, 2, 3 } }));
	CHECK(!os_inet_is_here((struct address){ { [10] = 0xff, 0xff, 255, 255, 255, 255 } }));
	CHECK(!os_inet_is_here((struct address){ { [10] = 0xff, 0xff, 127, 255, 255, 255 } }));
	CHECK(!os_inet_is_here((struct address){ { 0xff, 0x15, [15] = 1 } }));
	CHECK(os_inet_is_multicast((struct address){ { 0xff, 0x15, [15] = 1 } }));
}

int main(void)
{
	TEST(test_found);
	TEST(test_unknown);
	TEST(test_here);
	return test_end();
}
