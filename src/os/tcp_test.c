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
	CHECK(caller.address == test_address(0));
	os_close(here);
	os_close(there);
	os_close(listener);
}

/* Namespaces that were made one after the other have neighbouring numbers, and processes of the same numbers. */
static void test_addresses(void)
{
	const uint64_t first = 4026531836;

	CHECK_EQ(test_address(1), test_address(1));
	for (unsigned i = 1; i < 4; i++)
		CHECK(test_address_in(first, 7, i) != test_address_in(first, 7, 0));
	for (unsigned step = 1; step < 64; step++)
		for (uint32_t pid = 2; pid < 66; pid++)
			CHECK(test_address_in(first, 7, 1) !=
			      test_address_in(first + step, pid, 1));
}

int main(void)
{
	TEST(test_addresses);
	TEST(test_talk);
	TEST(test_nobody);
	TEST(test_from);
	return test_end();
}
