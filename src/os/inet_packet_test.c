/* SPDX-License-Identifier: Apache-2.0 */
/* Packets arrive at sockets of this machine with an address that nobody has here. */
#include "os/inet_packet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

static const struct os_inet_end strangers[2] = {
	{ { { [10] = 0xff, 0xff, 192, 0, 2, 7 } }, 5353 },
	{ { { 0x20, 0x01, 0x0d, 0xb8, [15] = 7 } }, 5353 },
};
static const struct os_inet_end own[2] = {
	{ { { [10] = 0xff, 0xff, 127, 0, 0, 1 } }, 0 },
	{ { { [15] = 1 } }, 0 },
};

static int listening(bool is_v6, bool is_udp, struct os_inet_end *at)
{
	const struct os_inet_kind kind = {
		.is_v6 = is_v6, .is_udp = is_udp, .uid = geteuid(), .gid = getegid()
	};
	struct os_inet inet;
	int fd = os_inet_new(&kind);

	CHECK(fd >= 0 && os_inet_bind(fd, is_v6, &own[is_v6]) == 0);
	CHECK(os_inet_look(fd, &inet) == 0);
	*at = inet.own;
	return fd;
}

static void try_datagram(bool is_v6, size_t length)
{
	static uint8_t sent[OS_INET_DATAGRAM_MAX], got[OS_INET_DATAGRAM_MAX];
	struct os_inet_way way = { .from = strangers[is_v6] };
	int fd = listening(is_v6, true, &way.to), room = 1 << 20;
	struct sockaddr_storage from;
	socklen_t bytes = sizeof(from);

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	for (size_t i = 0; i < length; i++)
		sent[i] = (uint8_t)(i * 7);
	CHECK_EQ(os_inet_packet_datagram(&way, sent, length), 0);
	CHECK_EQ(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000), 1);
	CHECK_EQ(recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &bytes),
		 (ssize_t)length);
	CHECK(memcmp(sent, got, length) == 0);
	CHECK_EQ(os_inet_packet_datagram(&way, sent, OS_INET_DATAGRAM_MAX + 1), -EINVAL);
	close(fd);
}

static void test_datagrams(void)
{
	for (int v6 = 0; v6 < 2; v6++) {
		try_datagram(v6, 0);
		try_datagram(v6, 1);
		try_datagram(v6, 1000);
		try_datagram(v6, 60001);
	}
	try_datagram(false, OS_INET_DATAGRAM_MAX);
}

/* Of no connection: nothing comes of it. */
static void test_segments(void)
{
	const struct os_inet_segment end = { .kind = OS_INET_SEGMENT_END, .number = 1 };

	for (int v6 = 0; v6 < 2; v6++) {
		struct os_inet_way way = { .from = own[v6] };
		int fd = listening(v6, false, &way.to);

		way.from.port = 1;
		CHECK_EQ(os_inet_packet_segment(&way, &end), 0);
		way.from = strangers[!v6];
		CHECK_EQ(os_inet_packet_segment(&way, &end), -EINVAL);
		close(fd);
	}
}

int main(void)
{
	if (geteuid()) {
		puts("ok - # skip only root may send such packets");
		return 77;
	}
	TEST(test_datagrams);
	TEST(test_segments);
	return test_end();
}
