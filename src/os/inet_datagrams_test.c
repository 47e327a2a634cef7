/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams are seen without being received, and put into another socket with the addresses of their senders. */
#include "os/inet_datagrams.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

#define MOST 4

static struct {
	struct os_inet_way way;
	uint8_t bytes[2000];
	size_t length;
} seen[MOST];
static int seen_count;

static int on_datagram(void *ctx, const struct os_inet_way *way, const uint8_t *bytes,
		       size_t length)
{
	CHECK(!ctx && seen_count < MOST && length <= sizeof(seen[0].bytes));
	seen[seen_count].way = *way;
	memcpy(seen[seen_count].bytes, bytes, length);
	seen[seen_count++].length = length;
	return 0;
}

static int make(bool is_v6, bool is_any, struct os_inet_end *own)
{
	const struct os_inet_kind kind = {
		.is_v6 = is_v6, .is_udp = true, .uid = geteuid(), .gid = getegid()
	};
	const struct os_inet_end any = { 0 };
	const struct os_inet_end v4 = { .address = { { [10] = 0xff, 0xff, 127, 0, 0, 1 } } };
	const struct os_inet_end v6 = { .address = { { [15] = 1 } } };
	struct os_inet inet;
	int fd = os_inet_new(&kind);

	CHECK_EQ(os_inet_bind(fd, is_v6, is_any ? &any : is_v6 ? &v6 : &v4), 0);
	CHECK_EQ(os_inet_look(fd, &inet), 0);
	*own = inet.own;
	return fd;
}

static int value_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t bytes = sizeof(value);

	getsockopt(fd, level, option, &value, &bytes);
	return value;
}

static void look(int fd, const struct os_inet_end *own)
{
	seen_count = 0;
	CHECK_EQ(os_inet_datagrams_look(fd, own->port, on_datagram, NULL), 0);
}

static void try(bool is_v6, bool is_any)
{
	static const uint8_t much[1500] = { 1, 2, 3 };
	struct os_inet_end own, sender, there, other;
	int fd = make(is_v6, is_any, &own), from = make(is_v6, false, &sender);

	look(fd, &own);
	CHECK_EQ(seen_count, 0);
	there = own;
	if (is_any)
		there.address = sender.address;
	CHECK_EQ(os_inet_connect(from, is_v6, &there), 0);
	CHECK(send(from, "one", 3, 0) == 3 && send(from, much, sizeof(much), 0) == sizeof(much));
	for (int again = 0; again < 2; again++) {
		look(fd, &own);
		CHECK_EQ(seen_count, 2);
		CHECK(seen[0].length == 3 && memcmp(seen[0].bytes, "one", 3) == 0);
		CHECK(seen[1].length == sizeof(much) &&
		      memcmp(seen[1].bytes, much, sizeof(much)) == 0);
		CHECK(seen[0].way.from.port == sender.port &&
		      address_same(seen[0].way.from.address, sender.address));
		CHECK(seen[0].way.to.port == own.port &&
		      address_same(seen[0].way.to.address, there.address));
	}
	CHECK_EQ(value_of(fd, SOL_SOCKET, SO_PEEK_OFF), -1);
	CHECK_EQ(value_of(fd, IPPROTO_IP, IP_RECVORIGDSTADDR), 0);
	int copy = make(is_v6, is_any, &other);

	for (int i = 0; i < 2; i++) {
		seen[i].way.to.port = other.port;
		if (i == 1) /* an address that is not here */
			seen[i].way.to.address.byte[12] ^= 0x40;
		CHECK_EQ(os_inet_datagrams_put(&seen[i].way, seen[i].bytes, seen[i].length), 0);
	}
	CHECK_EQ(poll(&(struct pollfd){ .fd = copy, .events = POLLIN }, 1, 5000), 1);
	look(copy, &other);
	CHECK_EQ(seen_count, 2);
	CHECK(seen[1].length == sizeof(much) && seen[1].way.from.port == sender.port);
	close(fd);
	close(copy);
	close(from);
}

static void test_datagrams(void)
{
	for (int kind = 0; kind < 4; kind++)
		try(kind & 1, kind & 2);
}

/* The kernel shows it once. */
static void test_empty(void)
{
	struct os_inet_end own;
	int fd = make(false, false, &own);

	CHECK_EQ(os_inet_connect(fd, false, &own), 0);
	CHECK(send(fd, "", 0, 0) == 0 && send(fd, "x", 1, 0) == 1);
	look(fd, &own);
	CHECK(seen_count == 2 && seen[0].length == 0 && seen[1].length == 1);
	look(fd, &own);
	CHECK(seen_count == 1 && seen[0].length == 1);
	close(fd);
}

int main(void)
{
	if (geteuid()) {
		puts("ok - # skip only root may send such packets");
		return 77;
	}
	TEST(test_datagrams);
	TEST(test_empty);
	return test_end();
}
