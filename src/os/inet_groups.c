/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inet_groups.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "os/procdir.h"

/* Whether there is a filter of senders for the group: each member has one, if only of nobody. */
static bool is_member(int fd, int level, unsigned index, const void *name, size_t bytes)
{
	struct group_filter filter = { .gf_interface = index };
	socklen_t length = sizeof(filter);

	assert(bytes <= sizeof(filter.gf_group));
	memcpy(&filter.gf_group, name, bytes);
	return getsockopt(fd, level, MCAST_MSFILTER, &filter, &length) == 0;
}

/* A line with the number of an interface is followed by lines with its groups, which begin with a tab. */
static bool find_v4(int fd, const char *text, struct address *group)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	unsigned index = 0;

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (*line != '\t') {
			index = (unsigned)strtoul(line, NULL, 10);
			continue;
		}
		name.sin_addr.s_addr = (in_addr_t)strtoul(line, NULL, 16);
		if (!index || !is_member(fd, IPPROTO_IP, index, &name, sizeof(name)))
			continue;
		*group = address_v4((const uint8_t *)&name.sin_addr);
		return true;
	}
	return false;
}

/* "1    lo    ff020000000000000000000000000001     1 0000000C 0" */
static bool find_v6(int fd, const char *text, struct address *group)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6 };
	char digits[33];
	unsigned index;

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%u %*s %32[0-9a-f]", &index, digits) != 2 || strlen(digits) != 32)
			continue;
		for (int i = 0; i < 16; i++) {
			const char pair[3] = { digits[2 * i], digits[2 * i + 1] };

			name.sin6_addr.s6_addr[i] = (uint8_t)strtoul(pair, NULL, 16);
		}
		if (!is_member(fd, IPPROTO_IPV6, index, &name, sizeof(name)))
			continue;
		memcpy(group->byte, &name.sin6_addr, sizeof(group->byte));
		return true;
	}
	return false;
}

static int look(int fd, int directory, const char *file,
		bool (*find)(int fd, const char *text, struct address *group),
		struct address *group)
{
	struct procdir_text text = { 0 };

	assert(fd >= 0);
	int r = procdir_read(directory, file, &text);

	if (r == 0)
		r = find(fd, text.text, group);
	procdir_text_free(&text);
	return r == -ENOENT ? 0 : r; /* a kernel without that family */
}

int os_inet_groups_find(int fd, int directory, struct address *group)
{
	int r = look(fd, directory, "net/igmp", find_v4, group);

	return r ? r : look(fd, directory, "net/igmp6", find_v6, group);
}
