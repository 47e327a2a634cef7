/* SPDX-License-Identifier: Apache-2.0 */

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/test.h"
#include "os/socket.h"
#include "os/tcp.h"

#define PORT 17651

static uint32_t address(const char *text)
{
	return inet_addr(text);
}

static void test_talk(void)
{
	int listener = os_tcp_listen(address("127.0.0.9"), PORT);
	int here, there;
	char buf[8] = "";

	CHECK_OR_RETURN(listener >= 0);
	CHECK_EQ(os_tcp_accept(listener), -EAGAIN);
	CHECK_EQ(os_tcp_listen(address("127.0.0.9"), PORT), -EADDRINUSE);
	here = os_tcp_connect(address("127.0.0.9"), PORT, 1000);
	CHECK_OR_RETURN(here >= 0);
	CHECK_EQ(os_poll(listener, POLLIN, 1000), 0);
	there = os_tcp_accept(listener);
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
	int fd = os_tcp_connect_start(address("127.0.0.9"), PORT + 1);

	if (fd >= 0) {
		CHECK_EQ(os_poll(fd, POLLOUT, 1000), 0);
		CHECK_EQ(os_tcp_connected(fd), -ECONNREFUSED);
		os_close(fd);
	} else {
		CHECK_EQ(fd, -ECONNREFUSED);
	}
	CHECK_EQ(os_tcp_connect(address("127.0.0.9"), PORT + 1, 1000), -ECONNREFUSED);
}

int main(void)
{
	TEST(test_talk);
	TEST(test_nobody);
	return test_end();
}
