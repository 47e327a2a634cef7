/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink sockets: with an address and groups that they hear, one that has none yet, one with options, and a thread
 * that waits for a message.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <pthread.h>
#include <sys/socket.h>

#include "victims/victim.h"

#define LATE_GROUP 35 /* above those of the first word */
#define ROOM	   300000

static int hearing, fresh, tuned, waiting;
static struct sockaddr_nl names[4];
static uint32_t groups[8];

static int make(int protocol, uint32_t hears)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_groups = hears };

	VICTIM_CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	return fd;
}

static struct sockaddr_nl name_of(int fd)
{
	struct sockaddr_nl name = { 0 };
	socklen_t bytes = sizeof(name);

	VICTIM_CHECK(getsockname(fd, (struct sockaddr *)&name, &bytes) == 0);
	return name;
}

static bool has_name(int fd, int which)
{
	struct sockaddr_nl name = name_of(fd);

	return memcmp(&name, &names[which], sizeof(name)) == 0;
}

static void list_groups(uint32_t words[8])
{
	socklen_t bytes = 8 * sizeof(*words);

	memset(words, 0, bytes);
	VICTIM_CHECK(getsockopt(hearing, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, words, &bytes) ==
		     0);
}

/* The kernel answers a question about the loopback interface. */
static bool asks(int fd)
{
	static uint32_t round;
	char answer[8192];
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
	} question = { { sizeof(question), RTM_GETLINK, NLM_F_REQUEST, ++round, 0 },
		       { .ifi_family = AF_UNSPEC, .ifi_index = 1 } };
	const struct nlmsghdr *head = (const struct nlmsghdr *)answer;

	return send(fd, &question, sizeof(question), 0) == (ssize_t)sizeof(question) &&
	       recv(fd, answer, sizeof(answer), 0) >= (ssize_t)sizeof(*head) &&
	       head->nlmsg_seq == round && head->nlmsg_type == RTM_NEWLINK &&
	       head->nlmsg_pid == name_of(fd).nl_pid;
}

static int option(int fd, int level, int number)
{
	int value = 0;
	socklen_t bytes = sizeof(value);

	return getsockopt(fd, level, number, &value, &bytes) ? -1 : value;
}

static int filter_length(int fd)
{
	socklen_t count = 0;

	return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &count) ? -1 : (int)count;
}

/* No message ever comes. */
static void *wait_here(void *unused)
{
	char byte;

	recv(waiting, &byte, 1, 0);
	VICTIM_CHECK(!"it waits");
	return unused;
}

static void begin(void)
{
	struct sock_filter all_of_it[] = { { BPF_RET | BPF_K, 0, 0, 0x40000 } };
	const struct sock_fprog filter = { 1, all_of_it };
	int on = 1, late = LATE_GROUP, room = ROOM;
	pthread_t thread;

	hearing = make(NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV6_IFADDR);
	fresh = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_ROUTE);
	tuned = make(NETLINK_ROUTE, 0);
	waiting = make(NETLINK_KOBJECT_UEVENT, 0);
	VICTIM_CHECK(
		setsockopt(hearing, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &late, sizeof(late)) == 0);
	VICTIM_CHECK(setsockopt(tuned, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)) == 0 &&
		     setsockopt(tuned, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)) == 0 &&
		     setsockopt(tuned, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) == 0 &&
		     setsockopt(tuned, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0);
	names[0] = name_of(hearing);
	names[1] = name_of(tuned);
	names[2] = name_of(waiting);
	list_groups(groups);
	VICTIM_CHECK(pthread_create(&thread, NULL, wait_here, NULL) == 0);
}

int main(void)
{
	uint32_t now[8];

	victim_begin();
	begin();
	int room = option(tuned, SOL_SOCKET, SO_RCVBUF);

	VICTIM_CHECK(asks(hearing) && asks(tuned));
	victim_ready();
	while (victim_moved()) {
		list_groups(now);
		VICTIM_CHECK(memcmp(now, groups, sizeof(now)) == 0 && groups[1]);
		VICTIM_CHECK(has_name(hearing, 0) && has_name(tuned, 1) && has_name(waiting, 2));
		VICTIM_CHECK(name_of(fresh).nl_pid == 0);
		VICTIM_CHECK(asks(hearing) && asks(tuned));
		VICTIM_CHECK(option(tuned, SOL_NETLINK, NETLINK_EXT_ACK) == 1 &&
			     option(tuned, SOL_NETLINK, NETLINK_NO_ENOBUFS) == 1 &&
			     option(hearing, SOL_NETLINK, NETLINK_EXT_ACK) == 0);
		VICTIM_CHECK(option(tuned, SOL_SOCKET, SO_RCVBUF) == room);
		VICTIM_CHECK(filter_length(tuned) == 1 && filter_length(hearing) == 0);
	}
	return victim_end();
}
