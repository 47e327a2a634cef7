/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inet_groups.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "os/procdir.h"

#define V4_AT (ADDRESS_BYTES - sizeof(struct in_addr))

_Static_assert(IF_NAMESIZE == OS_INET_DEVICE_BYTES, "the name of an interface");

/* A filter of senders, with room for as many as are carried. */
union filter {
	struct group_filter head;
	char bytes[GROUP_FILTER_SIZE(OS_INET_SOURCES_MAX)];
};

static int level_of(struct address address)
{
	return address_is_v4(address) ? IPPROTO_IP : IPPROTO_IPV6;
}

static void put_name(struct sockaddr_storage *to, struct address address)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	memcpy(&v4.sin_addr, address.byte + V4_AT, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, address.byte, sizeof(v6.sin6_addr));
	if (address_is_v4(address))
		memcpy(to, &v4, sizeof(v4));
	else
		memcpy(to, &v6, sizeof(v6));
}

static struct address address_in(const struct sockaddr_storage *name)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct address address;

	memcpy(&v4, name, sizeof(v4));
	memcpy(&v6, name, sizeof(v6));
	if (v4.sin_family == AF_INET)
		return address_v4((const uint8_t *)&v4.sin_addr);
	memcpy(address.byte, &v6.sin6_addr, sizeof(address.byte));
	return address;
}

struct looking {
	int fd;
	int (*each)(void *ctx, const struct os_inet_group *group);
	void *ctx;
};

/* Whether there is a filter of senders for the group: each member has one, if only of nobody. */
static int look_at(const struct looking *looking, unsigned index, struct address address)
{
	union filter filter = { .head = { .gf_interface = index,
					  .gf_numsrc = OS_INET_SOURCES_MAX } };
	struct os_inet_group group = { .group = address };
	socklen_t length = sizeof(filter);

	put_name(&filter.head.gf_group, address);
	if (getsockopt(looking->fd, level_of(address), MCAST_MSFILTER, &filter, &length))
		return 0;
	if (filter.head.gf_numsrc > OS_INET_SOURCES_MAX)
		return -E2BIG;
	if (!if_indextoname(index, group.device))
		return -errno;
	group.includes = filter.head.gf_fmode == MCAST_INCLUDE;
	group.source_count = filter.head.gf_numsrc;
	for (uint32_t i = 0; i < group.source_count; i++)
		group.source[i] = address_in(&filter.head.gf_slist[i]);
	return looking->each(looking->ctx, &group);
}

/* A line with the number of an interface is followed by lines with its groups, which begin with a tab. */
static int look_v4(const struct looking *looking, const char *text)
{
	unsigned index = 0;
	int r = 0;

	assert(text);
	for (const char *line = text; r == 0 && line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (*line != '\t') {
			index = (unsigned)strtoul(line, NULL, 10);
			continue;
		}
		in_addr_t group = (in_addr_t)strtoul(line, NULL, 16);

		if (index)
			r = look_at(looking, index, address_v4((const uint8_t *)&group));
	}
	return r;
}

/* "1    lo    ff020000000000000000000000000001     1 0000000C 0" */
static int look_v6(const struct looking *looking, const char *text)
{
	struct address group;
	char digits[33];
	unsigned index;
	int r = 0;

	assert(text);
	for (const char *line = text; r == 0 && line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%u %*s %32[0-9a-f]", &index, digits) != 2 || strlen(digits) != 32)
			continue;
		for (int i = 0; i < 16; i++) {
			const char pair[3] = { digits[2 * i], digits[2 * i + 1] };

			group.byte[i] = (uint8_t)strtoul(pair, NULL, 16);
		}
		r = look_at(looking, index, group);
	}
	return r;
}

static int look(const struct looking *looking, int directory, const char *file,
		int (*find)(const struct looking *looking, const char *text))
{
	struct procdir_text text = { 0 };

	assert(looking->fd >= 0);
	int r = procdir_read(directory, file, &text);

	if (r == 0)
		r = find(looking, text.text);
	procdir_text_free(&text);
	return r == -ENOENT ? 0 : r; /* a kernel without that family */
}

int os_inet_groups_each(int fd, int directory,
			int (*each)(void *ctx, const struct os_inet_group *group), void *ctx)
{
	const struct looking looking = { fd, each, ctx };
	int r = look(&looking, directory, "net/igmp", look_v4);

	return r ? r : look(&looking, directory, "net/igmp6", look_v6);
}

int os_inet_groups_join(int fd, const struct os_inet_group *group)
{
	struct group_req request = { .gr_interface = if_nametoindex(group->device) };
	union filter filter = { .head = { .gf_interface = request.gr_interface,
					  .gf_fmode =
						  group->includes ? MCAST_INCLUDE : MCAST_EXCLUDE,
					  .gf_numsrc = group->source_count } };
	int level = level_of(group->group);

	assert(group->source_count <= OS_INET_SOURCES_MAX);
	if (!request.gr_interface)
		return -ENODEV;
	put_name(&request.gr_group, group->group);
	put_name(&filter.head.gf_group, group->group);
	for (uint32_t i = 0; i < group->source_count; i++)
		put_name(&filter.head.gf_slist[i], group->source[i]);
	if (setsockopt(fd, level, MCAST_JOIN_GROUP, &request, sizeof(request)))
		return -errno;
	/* A member hears all at first. */
	if (!group->includes && !group->source_count)
		return 0;
	return setsockopt(fd, level, MCAST_MSFILTER, &filter,
			  GROUP_FILTER_SIZE(group->source_count))
		       ? -errno
		       : 0;
}
