/* SPDX-License-Identifier: Apache-2.0 */
#include "os/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

static void test_look(void)
{
	struct os_netlink netlink;
	const uint32_t groups[OS_NETLINK_GROUP_WORDS] = { 1u << (RTNLGRP_LINK - 1), 1u << 2 };
	int pair = socket(AF_UNIX, SOCK_STREAM, 0), fd = os_netlink_new(NETLINK_ROUTE, false);

	CHECK_EQ(os_netlink_look(pair, &netlink), -EPROTOTYPE);
	CHECK_EQ(os_netlink_look(fd, &netlink), 0);
	CHECK(netlink.port == 0 && netlink.protocol == NETLINK_ROUTE && !netlink.is_raw);
	CHECK(!netlink.has_data && !netlink.peer);
	CHECK_EQ(netlink.netns, os_netlink_netns());
	CHECK_EQ(os_netlink_bind(fd, 0x7654321), 0);
	CHECK_EQ(os_netlink_join(fd, groups), 0);
	CHECK_EQ(os_netlink_look(fd, &netlink), 0);
	CHECK_EQ(netlink.port, 0x7654321);
	CHECK(netlink.group[0] == groups[0] && netlink.group[1] == groups[1] && !netlink.group[2]);
	int other = os_netlink_new(NETLINK_ROUTE, true);

	CHECK_EQ(os_netlink_bind(other, 0x7654321), -EADDRINUSE);
	CHECK_EQ(os_netlink_look(other, &netlink), 0);
	CHECK(netlink.is_raw);
	close(other);
	close(fd);
	close(pair);
}

int main(void)
{
	TEST(test_look);
	return test_end();
}
