/* SPDX-License-Identifier: Apache-2.0 */
/* Packet sockets of this very process on the loopback, read as those of another one, and made anew. */
#include "migrate/kind.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/found_test.h"
#include "migrate/restore_test.h"

#define PROTOCOL 0x88b6 /* for experiments: nobody sends it here */

static struct descriptions all;
static const struct files no_files;
static struct refusal why;

static int find(int fd)
{
	const struct found found = { .all = &all, .refusal = &why };

	why = REFUSAL_NONE;
	descriptions_free(&all);
	return found_add(&found, IMAGE_DESCRIPTION_PACKET, fd, "socket:[1]");
}

static int write_one(void)
{
	const struct kind_frozen frozen = { .pid = getpid(),
					    .descriptions = &all,
					    .files = &no_files };

	return kind_packet.write(&frozen, &all.description[0], &why);
}

static bool is_taken(int fd)
{
	if (find(fd) != 1)
		return false;
	struct description *one = &all.description[0];

	return kind_packet.check(getpid(), &all, one, &why) == 0 && write_one() == 0 &&
	       kind_packet.read(&one->image, NULL, &all, true) &&
	       kind_packet.whole(one, &all, NULL);
}

static int make(void)
{
	const struct sockaddr_ll name = { .sll_family = AF_PACKET,
					  .sll_protocol = htons(PROTOCOL),
					  .sll_ifindex = 1 };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	CHECK_EQ(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static void test_carried(void)
{
	struct sock_filter code[] = { { BPF_RET | BPF_K, 0, 0, 60 } };
	const struct sock_fprog filter = { 1, code };
	const struct packet_mreq member = { .mr_ifindex = 1, .mr_type = PACKET_MR_ALLMULTI };
	struct sockaddr_ll name = { 0 };
	socklen_t bytes = sizeof(name);
	int fd = make(), on = 1;

	CHECK_EQ(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
	CHECK_EQ(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &member, sizeof(member)), 0);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)), 0);
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	CHECK_OR_RETURN(is_taken(fd));
	CHECK_EQ(kind_packet.fits(&all.description[0].image, &why), 0);
	close(fd);
	restore_begin();
	int copy = kind_packet.open(restore, &all.description[0], &why);

	CHECK_OR_RETURN(copy >= 0);
	CHECK_EQ(getsockname(copy, (struct sockaddr *)&name, &bytes), 0);
	CHECK(name.sll_protocol == htons(PROTOCOL) && name.sll_ifindex == 1);
	on = 0;
	bytes = sizeof(on);
	CHECK(getsockopt(copy, SOL_PACKET, PACKET_AUXDATA, &on, &bytes) == 0 && on == 1);
	CHECK_EQ(setsockopt(copy, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &member, sizeof(member)), 0);
	bytes = 0;
	CHECK(getsockopt(copy, SOL_SOCKET, SO_GET_FILTER, NULL, &bytes) == 0 && bytes == 1);
	CHECK_EQ(fcntl(copy, F_GETFL), O_RDWR | O_NONBLOCK);
	close(copy);
	restore_end();
}

static void test_refused(void)
{
	static const uint8_t frame[60] = { [12] = PROTOCOL >> 8, [13] = PROTOCOL & 0xff };
	int fd = make(), other = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK_EQ(find(other), 0);
	close(other);
	CHECK_EQ(send(fd, frame, sizeof(frame), 0), sizeof(frame)); /* and it comes back */
	CHECK_EQ(find(fd), 1);
	CHECK(is_refusal(write_one(), &why, EDVSPROCSTS, "has packets in it"));
	close(fd);
	memcpy(all.description[0].image.body, "no-such", 8);
	why = REFUSAL_NONE;
	CHECK(is_refusal(kind_packet.fits(&all.description[0].image, &why), &why, EDVSPROCSTS,
			 "bound to the interface no-such, which the target does not have"));
}

/* A body that came from outside. */
static void test_hostile(void)
{
	struct description *one;
	int fd = make();

	CHECK_OR_RETURN(is_taken(fd));
	one = &all.description[0];
	contents_free(&one->contents);
	CHECK(!kind_packet.whole(one, &all, NULL));
	memset(one->image.body, 'x', 16); /* a name without an end */
	CHECK(!kind_packet.read(&one->image, NULL, &all, true));
	memset(one->image.body, 0, 16);
	CHECK(kind_packet.read(&one->image, NULL, &all, true));
	one->image.body[20] = 99; /* no such type */
	CHECK(!kind_packet.read(&one->image, NULL, &all, true));
	close(fd);
}

int main(void)
{
	if (geteuid()) {
		puts("ok - # skip only root may have packet sockets");
		return 77;
	}
	TEST(test_carried);
	TEST(test_refused);
	TEST(test_hostile);
	descriptions_free(&all);
	return test_end();
}
