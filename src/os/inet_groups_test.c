/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inet_groups.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "os/procdir.h"

static struct os_inet_group found[4];
static int count;

static int on_group(void *ctx, const struct os_inet_group *group)
{
	CHECK(!ctx && count < 4);
	found[count++] = *group;
	return 0;
}

static int groups_of(int fd)
{
	int dir = procdir_open(getpid());

	count = 0;
	CHECK_EQ(os_inet_groups_each(fd, dir, on_group, NULL), 0);
	close(dir);
	return count;
}

static struct address address_of(const char *text)
{
	struct address address;

	CHECK(!address_parse(&address, text, strlen(text)) || address_is_set(address));
	return address;
}

static struct os_inet_group group_of(int family, const char *text)
{
	struct os_inet_group group = { .device = "lo" };
	uint8_t byte[ADDRESS_BYTES] = { 0 };

	CHECK_EQ(inet_pton(family, text, byte), 1);
	if (family == AF_INET)
		group.group = address_v4(byte);
	else
		memcpy(group.group.byte, byte, sizeof(byte));
	return group;
}

static void check_group(int family, const char *text, const char *source)
{
	struct os_inet_group group = group_of(family, text);
	int fd = socket(family, SOCK_DGRAM, 0), other = socket(family, SOCK_DGRAM, 0);

	CHECK_EQ(groups_of(fd), 0);
	CHECK_EQ(os_inet_groups_join(fd, &group), 0);
	CHECK_EQ(groups_of(other), 0);
	CHECK_EQ(groups_of(fd), 1);
	CHECK(address_same(found[0].group, group.group) && strcmp(found[0].device, "lo") == 0);
	CHECK(!found[0].includes && !found[0].source_count);
	group.includes = true;
	group.source_count = 1;
	group.source[0] = address_of(source);
	CHECK_EQ(os_inet_groups_join(other, &group), 0);
	CHECK_EQ(groups_of(other), 1);
	CHECK(found[0].includes && found[0].source_count == 1 &&
	      address_same(found[0].source[0], group.source[0]));
	memcpy(group.device, "nowhere", 8);
	CHECK_EQ(os_inet_groups_join(fd, &group), -ENODEV);
	close(fd);
	close(other);
}

static void test_v4(void)
{
	check_group(AF_INET, "239.1.2.3", "192.0.2.1");
}

static void test_v6(void)
{
	check_group(AF_INET6, "ff15::dead:beef", "2001:db8::1");
}

int main(void)
{
	TEST(test_v4);
	TEST(test_v6);
	return test_end();
}
