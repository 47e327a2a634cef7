/* SPDX-License-Identifier: Apache-2.0 */
#include "os/netlink.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/netns.h"

#define NETNS_COOKIE 71 /* SO_NETNS_COOKIE */
#define WORD_BITS    32u

static int number_of(int fd, int option)
{
	int value = 0;
	socklen_t bytes = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &bytes) ? -errno : value;
}

static int look_at_names(int fd, struct os_netlink *netlink)
{
	struct sockaddr_nl name = { 0 };
	socklen_t bytes = sizeof(name);

	if (getsockname(fd, (struct sockaddr *)&name, &bytes))
		return -errno;
	netlink->port = name.nl_pid;
	bytes = sizeof(name);
	if (getpeername(fd, (struct sockaddr *)&name, &bytes))
		return -errno;
	netlink->peer = name.nl_pid;
	netlink->sends_to_groups = name.nl_groups != 0;
	return 0;
}

/* The kernel says how long the list is in any case. */
static int look_at_groups(int fd, struct os_netlink *netlink)
{
	uint32_t words[32] = { 0 };
	socklen_t bytes = sizeof(words);

	if (getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, words, &bytes))
		return -errno;
	netlink->has_groups_more = bytes > sizeof(words);
	memcpy(netlink->group, words, sizeof(netlink->group));
	for (unsigned i = OS_NETLINK_GROUP_WORDS; i < sizeof(words) / sizeof(words[0]); i++)
		netlink->has_groups_more = netlink->has_groups_more || words[i];
	return 0;
}

int os_netlink_look(int fd, struct os_netlink *netlink)
{
	struct pollfd seen = { .fd = fd, .events = POLLIN };
	socklen_t cookie = sizeof(netlink->netns);

	assert(fd >= 0);
	*netlink = (struct os_netlink){ 0 };
	if (number_of(fd, SO_DOMAIN) != AF_NETLINK)
		return -EPROTOTYPE;
	netlink->protocol = (uint16_t)number_of(fd, SO_PROTOCOL);
	netlink->is_raw = number_of(fd, SO_TYPE) == SOCK_RAW;
	int r = look_at_names(fd, netlink);

	if (r == 0)
		r = look_at_groups(fd, netlink);
	if (r == 0 && poll(&seen, 1, 0) < 0)
		r = -errno;
	netlink->has_data = seen.revents & (POLLIN | POLLERR);
	if (getsockopt(fd, SOL_SOCKET, NETNS_COOKIE, &netlink->netns, &cookie))
		netlink->netns = 0;
	return r;
}

int os_netlink_new(uint16_t protocol, bool is_raw)
{
	int fd = socket(AF_NETLINK, (is_raw ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC, protocol);

	return fd < 0 ? -errno : fd;
}

int os_netlink_bind(int fd, uint32_t port)
{
	const struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_pid = port };

	assert(port);
	return bind(fd, (const struct sockaddr *)&name, sizeof(name)) ? -errno : 0;
}

int os_netlink_join(int fd, const uint32_t group[OS_NETLINK_GROUP_WORDS])
{
	for (unsigned i = 0; i < OS_NETLINK_GROUP_WORDS * WORD_BITS; i++) {
		int number = (int)i + 1;

		if (group[i / WORD_BITS] >> i % WORD_BITS & 1 &&
		    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &number, sizeof(number)))
			return -errno;
	}
	return 0;
}

uint64_t os_netlink_netns(void)
{
	struct netns_id id = { 0 };

	return os_netns_of(0, &id) < 0 ? 0 : id.cookie;
}
