/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inet.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "os/socket.h"

static const uint8_t loopback[4] = { 127, 0, 0, 1 }, elsewhere[4] = { 192, 0, 2, 77 };

static struct os_inet seen;

static bool look(int fd)
{
	return os_inet_is(fd) && os_inet_look(fd, &seen) == 0;
}

static struct os_inet_end end_at(const uint8_t byte[4], uint16_t port)
{
	return (struct os_inet_end){ address_v4(byte), port };
}

static int make(bool is_v6, bool is_udp)
{
	const struct os_inet_kind kind = {
		.is_v6 = is_v6, .is_udp = is_udp, .uid = geteuid(), .gid = getegid()
	};
	int fd = os_inet_new(&kind);

	CHECK(fd >= 0);
	return fd;
}

static void await_input(int fd)
{
	CHECK_EQ(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000), 1);
}

static void test_is(void)
{
	int udp = make(true, true), unix_socket = socket(AF_UNIX, SOCK_STREAM, 0);
	int netlink = socket(AF_NETLINK, SOCK_RAW, 0);

	CHECK(os_inet_is(udp) && !os_inet_is(unix_socket) && !os_inet_is(netlink));
	CHECK(!os_inet_is(-1) && !os_inet_is(0));
	CHECK_EQ(os_inet_look(unix_socket, &seen), -EPROTOTYPE);
	CHECK(!os_inet_has_connection(udp) && !os_inet_has_connection(unix_socket));
	close(udp);
	close(unix_socket);
	close(netlink);
}

static void test_fresh(void)
{
	for (int i = 0; i < 4; i++) {
		int fd = make(i & 1, i & 2);

		CHECK_OR_RETURN(look(fd));
		CHECK(seen.kind.is_v6 == !!(i & 1) && seen.kind.is_udp == !!(i & 2));
		CHECK(seen.state == OS_INET_UNCONNECTED && os_inet_is_any(seen.own.address));
		CHECK(!seen.own.port && !seen.peer.port && !seen.kind.device[0]);
		CHECK(!seen.has_error && !seen.is_shut && !seen.has_data && !seen.has_part);
		CHECK(seen.kind.uid == geteuid() && seen.kind.gid == getegid());
		close(fd);
	}
}

/* A listener, a connection of its queue, and what is left of one that has ended. */
static void test_tcp(void)
{
	const struct os_inet_end any = end_at(loopback, 0);
	const struct linger at_once = { 1, 0 };
	int listener = make(false, false), caller = make(false, false);

	CHECK_EQ(os_inet_bind(listener, false, &any), 0);
	CHECK_EQ(os_inet_listen(listener, 3), 0);
	CHECK_OR_RETURN(look(listener));
	CHECK(seen.state == OS_INET_LISTENS && seen.backlog == 3 && !seen.waiting);
	CHECK(seen.own.port && address_same(seen.own.address, any.address));
	const struct os_inet_end there = seen.own;

	CHECK_EQ(os_inet_connect(caller, false, &there), 0);
	await_input(listener);
	CHECK(look(listener) && seen.waiting == 1);
	CHECK(look(caller) && seen.state == OS_INET_CONNECTED);
	CHECK(os_inet_has_connection(caller) && !os_inet_has_connection(listener));
	CHECK(seen.peer.port == there.port && address_same(seen.peer.address, there.address));
	int taken = accept(listener, NULL, NULL);

	setsockopt(taken, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(taken);
	await_input(caller);
	CHECK(look(caller) && seen.state == OS_INET_OVER && seen.error == ECONNRESET);
	CHECK(seen.peer.port == there.port); /* as it was */
	CHECK(recv(caller, &taken, 1, 0) < 0 && errno == ECONNRESET);
	CHECK(look(caller) && seen.state == OS_INET_OVER && !seen.has_error && !seen.error);
	CHECK(os_inet_has_connection(caller));
	close(caller);
	close(listener);
}

static void test_udp(void)
{
	const struct os_inet_end any = end_at(loopback, 0);
	int at = make(false, true), from = make(false, true);

	CHECK_EQ(os_inet_bind(at, false, &any), 0);
	CHECK(look(at) && !seen.has_data);
	const struct os_inet_end there = seen.own;

	CHECK_EQ(os_inet_connect(from, false, &there), 0);
	CHECK(look(from) && seen.state == OS_INET_CONNECTED && seen.peer.port == there.port);
	CHECK_EQ(send(from, "", 0, 0), 0); /* of no length */
	await_input(at);
	CHECK(look(at) && seen.has_data);
	CHECK(recv(at, NULL, 0, 0) == 0 && look(at) && !seen.has_data);
	CHECK(shutdown(at, SHUT_RD) < 0 && look(at) && seen.is_shut && !seen.has_data);
	close(at);
	close(from);
}

/* A datagram that is not complete stays as it is, however often it is looked at. */
static void test_part(void)
{
	const struct os_inet_end any = end_at(loopback, 0);
	struct sockaddr_in there = { .sin_family = AF_INET };
	socklen_t bytes = sizeof(there);
	int at = make(false, true), from = make(false, true);
	char got[8] = "";

	CHECK_EQ(os_inet_bind(at, false, &any), 0);
	CHECK_EQ(getsockname(at, (struct sockaddr *)&there, &bytes), 0);
	CHECK(look(from) && !seen.has_part);
	CHECK_EQ(sendto(from, "one", 3, MSG_MORE, (struct sockaddr *)&there, bytes), 3);
	for (int i = 0; i < 3; i++)
		CHECK(look(from) && seen.has_part);
	CHECK_EQ(sendto(from, "two", 3, 0, (struct sockaddr *)&there, bytes), 3);
	await_input(at);
	CHECK(recv(at, got, sizeof(got), 0) == 6 && memcmp(got, "onetwo", 6) == 0);
	CHECK(look(from) && !seen.has_part);
	close(at);
	close(from);
}

static void test_raw(void)
{
	const struct os_inet_end there = end_at(loopback, 0);
	const struct os_inet_kind lite = { .is_udp = true, .is_lite = true, .uid = 0, .gid = 0 };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), other = os_inet_new(&lite);

	if (fd < 0)
		return; /* only root may have one */
	CHECK_OR_RETURN(look(fd));
	CHECK(seen.kind.is_raw && seen.kind.protocol == IPPROTO_ICMP && !seen.kind.is_udp);
	CHECK(seen.state == OS_INET_UNCONNECTED && seen.own.port == IPPROTO_ICMP);
	struct sockaddr_in name = { .sin_family = AF_INET };

	memcpy(&name.sin_addr, loopback, sizeof(loopback));
	CHECK(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0 && look(fd));
	CHECK_EQ(seen.state, OS_INET_BETWEEN);
	/* A kernel may have no UDP-Lite. */
	if (other >= 0) {
		CHECK(os_inet_bind(other, false, &there) == 0 && look(other));
		CHECK(seen.kind.is_lite && seen.kind.is_udp);
	}
	os_close(other);
	close(fd);
}

static void test_shut(void)
{
	const struct os_inet_end there = end_at(loopback, 0);

	for (int how = 1; how < 4; how++) {
		int fd = make(false, true);

		CHECK_EQ(os_inet_bind(fd, false, &there), 0);
		os_inet_shut(fd, how & 1, how & 2);
		CHECK_OR_RETURN(look(fd));
		CHECK(seen.is_shut == !!(how & 1) && os_inet_writes_end(fd, &seen) == !!(how & 2));
		CHECK(!seen.has_data);
		close(fd);
	}
}

static void test_try(void)
{
	struct os_inet_kind kind = { .uid = geteuid(), .gid = UINT32_MAX };
	struct os_inet_end own = end_at(elsewhere, 4711);
	int listener = make(false, false);

	CHECK_EQ(os_inet_try(&kind, &own), -EADDRNOTAVAIL);
	kind.may_be_foreign = true;
	CHECK_EQ(os_inet_try(&kind, &own), 0);
	kind.may_be_foreign = false;
	own = end_at(loopback, 0);
	CHECK_EQ(os_inet_bind(listener, false, &own), 0);
	CHECK_EQ(os_inet_listen(listener, 1), 0);
	CHECK(look(listener));
	CHECK_EQ(os_inet_try(&kind, &seen.own), -EADDRINUSE);
	kind.is_udp = true;
	CHECK_EQ(os_inet_try(&kind, &seen.own), 0);
	memcpy(kind.device, "no-such-one", 12);
	CHECK_EQ(os_inet_try(&kind, &own), -ENODEV);
	close(listener);
}

static void test_addresses(void)
{
	static const uint8_t of_link[4] = { 169, 254, 1, 2 }, any[4];

	CHECK(os_inet_is_any(ADDRESS_NONE) && os_inet_is_any(address_v4(any)));
	CHECK(!os_inet_is_any(address_v4(loopback)));
	CHECK(os_inet_is_of_link(address_v4(of_link)) && !os_inet_is_of_link(address_v4(any)));
	CHECK(os_inet_is_of_link((struct address){ { 0xfe, 0x80, [15] = 1 } }));
	CHECK(!os_inet_is_of_link((struct address){ { 0x20, 0x01, [15] = 1 } }));
}

int main(void)
{
	TEST(test_is);
	TEST(test_fresh);
	TEST(test_tcp);
	TEST(test_udp);
	TEST(test_part);
	TEST(test_raw);
	TEST(test_shut);
	TEST(test_try);
	TEST(test_addresses);
	return test_end();
}
