/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/test.h"
#include "os/socket.h"
#include "os/tcp.h"

#define PORT 17651

static void test_talk(void)
{
	int listener = os_tcp_listen(test_address(1), PORT);
	int here, there;
	const struct os_tcp_route route = { .to = test_address(1), .port = PORT };
	struct os_tcp_caller caller = { 0 };
	char buf[8] = "";

	CHECK_OR_RETURN(listener >= 0);
	CHECK_EQ(os_tcp_accept(listener, &caller), -EAGAIN);
	CHECK_EQ(os_tcp_listen(test_address(1), PORT), -EADDRINUSE);
	here = os_tcp_connect(&route, 1000);
	CHECK_OR_RETURN(here >= 0);
	CHECK_EQ(os_poll(listener, POLLIN, 1000), 0);
	there = os_tcp_accept(listener, &caller);
	CHECK_OR_RETURN(there >= 0);
	CHECK_EQ(os_tcp_read(there, buf, sizeof(buf)), -EAGAIN);
	CHECK_EQ(os_tcp_write(here, "hello", 5), 5);
	CHECK_EQ(os_poll(there, POLLIN, 1000), 0);
	CHECK_EQ(os_tcp_read(there, buf, sizeof(buf)), 5);
	CHECK(!strcmp(buf, "hello"));
	os_tcp_shutdown(here);
	CHECK_EQ(os_poll(there, POLLIN, 1000), 0);
	CHECK_EQ(os_tcp_read(there, buf, sizeof(buf)), 0);
	CHECK_EQ(os_tcp_write(here, "x", 1), -EPIPE);
	os_close(here);
	os_close(there);
	os_close(listener);
}

static void test_nobody(void)
{
	const struct os_tcp_route route = { .to = test_address(1), .port = PORT + 1 };
	int fd = os_tcp_connect_start(&route);

	if (fd >= 0) {
		CHECK_EQ(os_poll(fd, POLLOUT, 1000), 0);
		CHECK_EQ(os_tcp_connected(fd), -ECONNREFUSED);
		os_close(fd);
	} else {
		CHECK_EQ(fd, -ECONNREFUSED);
	}
	CHECK_EQ(os_tcp_connect(&route, 1000), -ECONNREFUSED);
}

static void test_from(void)
{
	const struct os_tcp_route route = { .to = test_address(1),
					    .port = PORT,
					    .from = test_address(0) };
	int listener = os_tcp_listen(test_address(1), PORT), here, there;
	struct os_tcp_caller caller = { 0 };

	CHECK_OR_RETURN(listener >= 0);
	here = os_tcp_connect(&route, 1000);
	CHECK_OR_RETURN(here >= 0);
	there = os_tcp_accept(listener, &caller);
	CHECK_OR_RETURN(there >= 0);
	CHECK(address_same(caller.address, test_address(0)));
	os_close(here);
	os_close(there);
	os_close(listener);
}

/* The loopback network has one address of IPv6, and each process that runs this test a port of its own. */
static uint16_t port_v6(void)
{
	return (uint16_t)(20000 + getpid() % 10000);
}

/* A connection to that address at a listener, and the caller as the listener has it; false: there is none. */
static bool meets(int listener, struct address to, struct address *from)
{
	const struct os_tcp_route route = { .to = to, .port = port_v6() };
	int here = os_tcp_connect(&route, 1000), there;
	struct os_tcp_caller caller;

	if (here < 0)
		return false;
	CHECK_EQ(os_poll(listener, POLLIN, 1000), 0);
	there = os_tcp_accept(listener, &caller);
	CHECK(there >= 0);
	CHECK_EQ(os_tcp_write(here, "6", 1), 1);
	*from = caller.address;
	os_close(here);
	os_close(there);
	return true;
}

static void test_v6(void)
{
	struct os_tcp_route route = { .port = port_v6() };
	struct address own, from;
	int listener, fd;

	CHECK(!address_parse(&own, "::1", 3));
	listener = os_tcp_listen(own, port_v6());
	if (listener == -EADDRNOTAVAIL || listener == -EAFNOSUPPORT) {
		test_skip("there is no IPv6");
		return;
	}
	CHECK_OR_RETURN(listener >= 0);
	CHECK_EQ(os_tcp_listen(own, port_v6()), -EADDRINUSE);
	CHECK(meets(listener, own, &from));
	CHECK(address_same(from, own));
	/* It hears that address alone. */
	CHECK(!meets(listener, test_address(1), &from));
	route.to = route.from = own;
	fd = os_tcp_connect(&route, 1000);
	CHECK(fd >= 0);
	os_close(fd);
	os_close(listener);
}

/* One listener hears both families, and a caller of IPv4 has its own address. */
static void test_every_address(void)
{
	int listener = os_tcp_listen(ADDRESS_NONE, port_v6());
	struct address own, from;

	CHECK_OR_RETURN(listener >= 0);
	CHECK(meets(listener, test_address(1), &from));
	CHECK(address_is_v4(from));
	CHECK_EQ(from.byte[12], 127);
	CHECK(!address_parse(&own, "::1", 3));
	if (meets(listener, own, &from))
		CHECK(address_same(from, own));
	else
		test_skip("there is no IPv6");
	os_close(listener);
}

/* Namespaces that were made one after the other have neighbouring numbers, and processes of the same numbers. */
static void test_addresses(void)
{
	const uint64_t first = 4026531836;

	CHECK(address_same(test_address(1), test_address(1)));
	for (unsigned i = 1; i < 4; i++)
		CHECK(!address_same(test_address_in(first, 7, i), test_address_in(first, 7, 0)));
	for (unsigned step = 1; step < 64; step++)
		for (uint32_t pid = 2; pid < 66; pid++)
			CHECK(!address_same(test_address_in(first, 7, 1),
					    test_address_in(first + step, pid, 1)));
}

int main(void)
{
	TEST(test_addresses);
	TEST(test_talk);
	TEST(test_nobody);
	TEST(test_from);
	TEST(test_v6);
	TEST(test_every_address);
	return test_end();
}
