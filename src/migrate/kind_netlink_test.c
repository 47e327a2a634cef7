/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink sockets of this very process, read as those of another one, and made anew. */
#include "migrate/kind.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/found_test.h"
#include "migrate/restore_test.h"

static struct descriptions all;
static const struct files no_files;
static struct refusal why;

static int find(int fd)
{
	const struct found found = { .all = &all, .refusal = &why };

	why = REFUSAL_NONE;
	descriptions_free(&all);
	return found_add(&found, IMAGE_DESCRIPTION_NETLINK, fd, "socket:[1]");
}

static int write_one(void)
{
	const struct kind_frozen frozen = { .pid = getpid(),
					    .descriptions = &all,
					    .files = &no_files };

	return kind_netlink.write(&frozen, &all.description[0], &why);
}

static bool is_taken(int fd)
{
	if (find(fd) != 1)
		return false;
	struct description *one = &all.description[0];

	return kind_netlink.check(getpid(), &all, one, &why) == 0 && write_one() == 0 &&
	       kind_netlink.read(&one->image, NULL, &all, true) &&
	       kind_netlink.whole(one, &all, NULL);
}

static struct sockaddr_nl name_of(int fd)
{
	struct sockaddr_nl name;
	socklen_t bytes = sizeof(name);

	CHECK_EQ(getsockname(fd, (struct sockaddr *)&name, &bytes), 0);
	return name;
}

static int make(int protocol, uint32_t groups)
{
	const struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	CHECK_EQ(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static void test_carried(void)
{
	struct sock_filter all_of_it[] = { { BPF_RET | BPF_K, 0, 0, 0x40000 } };
	const struct sock_fprog filter = { 1, all_of_it };
	int fd = make(NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV4_ROUTE), on = 1;
	const struct sockaddr_nl name = name_of(fd);
	socklen_t bytes = sizeof(on);

	CHECK_EQ(setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)), 0);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)), 0);
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	CHECK_OR_RETURN(is_taken(fd));
	CHECK_EQ(kind_netlink.fits(&all.description[0].image, &why), 0);
	close(fd);
	restore_begin();
	int copy = kind_netlink.open(restore, &all.description[0], &why);

	if (copy < 0 && geteuid()) {
		test_skip("needs root");
	} else {
		const struct sockaddr_nl copied = name_of(copy);

		CHECK(copied.nl_pid == name.nl_pid && copied.nl_groups == name.nl_groups);
		CHECK_EQ(fcntl(copy, F_GETFL), O_RDWR | O_NONBLOCK);
		on = 0;
		CHECK(getsockopt(copy, SOL_NETLINK, NETLINK_CAP_ACK, &on, &bytes) == 0 && on == 1);
		bytes = 0; /* of instructions, how many there are */
		CHECK(getsockopt(copy, SOL_SOCKET, SO_GET_FILTER, NULL, &bytes) == 0 && bytes == 1);
		/* The source is not there, so that it is made anew, and the port is in use. */
		CHECK(is_refusal(kind_netlink.open(restore, &all.description[0], &why), &why,
				 EDVSPROCSTS, "which is in use on the target"));
	}
	close(copy);
	restore_end();
}

static void refuse(int fd, const char *words)
{
	int r = find(fd);

	if (r == 1)
		r = write_one();
	CHECK(is_refusal(r, &why, EDVSPROCSTS, words));
	close(fd);
}

static void test_refused(void)
{
	const struct sockaddr_nl peer = { .nl_family = AF_NETLINK, .nl_pid = 7 };
	const struct nlmsghdr wrong = { .nlmsg_len = sizeof(wrong),
					.nlmsg_type = 0xfff,
					.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK };
	int fd = make(NETLINK_GENERIC, 0);

	refuse(fd, "is of a protocol");
	fd = make(NETLINK_ROUTE, 0);
	if (connect(fd, (const struct sockaddr *)&peer, sizeof(peer)) == 0)
		refuse(fd, "is connected to another program");
	else
		close(fd);
	fd = make(NETLINK_ROUTE, 0);
	CHECK_EQ(send(fd, &wrong, sizeof(wrong), 0), sizeof(wrong));
	refuse(fd, "has messages in it");
	CHECK_EQ(find(0), 0);
}

/* A body that came from outside. */
static void test_hostile(void)
{
	struct description *one;
	int fd = make(NETLINK_ROUTE, 0);

	CHECK_OR_RETURN(is_taken(fd));
	one = &all.description[0];
	contents_free(&one->contents);
	CHECK(!kind_netlink.whole(one, &all, NULL));
	memset(one->image.body, 0xff, sizeof(one->image.body));
	CHECK(!kind_netlink.read(&one->image, NULL, &all, true));
	close(fd);
}

int main(void)
{
	TEST(test_carried);
	TEST(test_refused);
	TEST(test_hostile);
	descriptions_free(&all);
	return test_end();
}
