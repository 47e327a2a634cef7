/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inet_groups.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "os/procdir.h"

static void check_group(int family, const char *text)
{
	struct group_req request = { .gr_interface = if_nametoindex("lo") };
	int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	int fd = socket(family, SOCK_DGRAM, 0), other = socket(family, SOCK_DGRAM, 0);
	struct sockaddr_in *v4 = (void *)&request.gr_group;
	struct sockaddr_in6 *v6 = (void *)&request.gr_group;
	int dir = procdir_open(getpid());
	char found[ADDRESS_TEXT];
	struct address group;

	request.gr_group.ss_family = (sa_family_t)family;
	inet_pton(family, text, family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr);
	CHECK_EQ(os_inet_groups_find(fd, dir, &group), 0);
	CHECK_EQ(setsockopt(fd, level, MCAST_JOIN_GROUP, &request, sizeof(request)), 0);
	CHECK_EQ(os_inet_groups_find(other, dir, &group), 0);
	CHECK_EQ(os_inet_groups_find(fd, dir, &group), 1);
	CHECK(strcmp(address_print(group, found), text) == 0);
	CHECK_EQ(setsockopt(fd, level, MCAST_LEAVE_GROUP, &request, sizeof(request)), 0);
	CHECK_EQ(os_inet_groups_find(fd, dir, &group), 0);
	close(dir);
	close(fd);
	close(other);
}

static void test_v4(void)
{
	check_group(AF_INET, "239.1.2.3");
}

static void test_v6(void)
{
	check_group(AF_INET6, "ff15::dead:beef");
}

int main(void)
{
	TEST(test_v4);
	TEST(test_v6);
	return test_end();
}
