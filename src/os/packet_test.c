/* SPDX-License-Identifier: Apache-2.0 */
/* Packet sockets on the loopback. */
#include "os/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

#define PROTOCOL 0x88b5 /* for experiments: nobody sends it here */

static struct os_packet told, again;

static int make(int type, bool bound)
{
	const struct sockaddr_ll name = { .sll_family = AF_PACKET,
					  .sll_protocol = htons(PROTOCOL),
					  .sll_ifindex = bound };
	int fd = socket(AF_PACKET, type | SOCK_CLOEXEC, bound ? 0 : htons(PROTOCOL));

	CHECK(fd >= 0);
	CHECK(!bound || bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0);
	return fd;
}

/* Looked at, made anew, and looked at again. */
static int copy(int fd)
{
	CHECK_EQ(os_packet_look(fd, &told), 0);
	int made = os_packet_new(&told, 3, 4);

	CHECK(made >= 0);
	CHECK_EQ(os_packet_begin(made, &told), 0);
	CHECK_EQ(os_packet_look(made, &again), 0);
	CHECK(memcmp(&told, &again, sizeof(told)) == 0);
	return made;
}

static void test_bound(void)
{
	static const int type[] = { SOCK_RAW, SOCK_DGRAM };

	for (int i = 0; i < 4; i++) {
		int fd = make(type[i / 2], i % 2), made = copy(fd);

		CHECK_EQ(told.type, type[i / 2]);
		CHECK_EQ(told.protocol, PROTOCOL);
		CHECK(strcmp(told.device, i % 2 ? "lo" : "") == 0);
		close(fd);
		close(made);
	}
}

static void test_old(void)
{
	for (int bound = 0; bound < 2; bound++) {
		int fd = socket(AF_PACKET, SOCK_PACKET, htons(PROTOCOL));
		const struct sockaddr name = { .sa_family = AF_PACKET, .sa_data = "lo" };

		CHECK(!bound || bind(fd, &name, sizeof(name)) == 0);
		int made = copy(fd);

		CHECK(strcmp(told.device, bound ? "lo" : "") == 0);
		close(fd);
		close(made);
	}
}

static void test_members(void)
{
	struct packet_mreq all = { .mr_ifindex = 1, .mr_type = PACKET_MR_PROMISC };
	struct packet_mreq one = { .mr_ifindex = 1,
				   .mr_type = PACKET_MR_UNICAST,
				   .mr_alen = 6,
				   .mr_address = { 2, 3, 4, 5, 6, 7 } };
	int fd = make(SOCK_RAW, true), fanout = 13;

	for (int i = 0; i < 2; i++)
		CHECK_EQ(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)), 0);
	CHECK_EQ(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &one, sizeof(one)), 0);
	CHECK_EQ(setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &fanout, sizeof(fanout)), 0);
	int made = copy(fd);

	CHECK_EQ(told.member_count, 2);
	CHECK_EQ(told.fanout, 13);
	CHECK_EQ(setsockopt(made, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &one, sizeof(one)), 0);
	close(made);
	memcpy(told.member[0].device, "no-such", 8);
	made = os_packet_new(&told, 0, 0);
	CHECK_EQ(os_packet_begin(made, &told), -ENODEV);
	close(made);
	close(fd);
	CHECK(os_packet_has_device("lo") && os_packet_has_device("") &&
	      !os_packet_has_device("no-such"));
}

/* By a program, which is not to be seen. */
static void test_shared_out(void)
{
	int fd = make(SOCK_RAW, true), fanout = 14 | PACKET_FANOUT_CBPF << 16;

	CHECK_EQ(setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &fanout, sizeof(fanout)), 0);
	CHECK_EQ(os_packet_look(fd, &told), -EACCES);
	close(fd);
}

static void test_ring(void)
{
	const struct os_packet_ring ring = {
		.block_bytes = 4096, .blocks = 2, .frame_bytes = 1024, .frames = 8
	};
	int fd = make(SOCK_RAW, true);

	CHECK_EQ(setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)), 0);
	int made = copy(fd);

	CHECK(told.received.blocks == 2 && told.received.frames == 8 && !told.sent.blocks);
	close(fd);
	close(made);
}

static void test_data(void)
{
	static const uint8_t frame[60] = { [12] = PROTOCOL >> 8, [13] = PROTOCOL & 0xff };
	int fd = make(SOCK_RAW, true);

	CHECK_EQ(send(fd, frame, sizeof(frame), 0),
		 sizeof(frame)); /* the loopback brings it back */
	CHECK_EQ(os_packet_look(fd, &told), 0);
	CHECK(told.has_data);
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(os_packet_look(fd, &told), -EPROTOTYPE);
	close(fd);
}

int main(void)
{
	if (geteuid()) {
		puts("ok - # skip only root may have packet sockets");
		return 77;
	}
	TEST(test_bound);
	TEST(test_old);
	TEST(test_members);
	TEST(test_shared_out);
	TEST(test_ring);
	TEST(test_data);
	return test_end();
}
