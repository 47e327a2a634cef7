/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams of UDP and UDP-Lite that nobody has received, with the addresses of their senders; sockets of which one
 * direction is shut, raw ones, and the filters of sockets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <linux/icmp.h>
#include <poll.h>
#include <sys/socket.h>

#include "victims/victim.h"

#define PORT	 7500
#define UDP_LITE 136
#define LONG	 30000

static uint8_t bytes[LONG], got[LONG];

static struct sockaddr_in6 v6_at(int port)
{
	return (struct sockaddr_in6){ .sin6_family = AF_INET6,
				      .sin6_port = htons((uint16_t)port),
				      .sin6_addr = IN6ADDR_LOOPBACK_INIT };
}

static struct sockaddr_in v4_at(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int bound_v4(int protocol, int port, in_addr_t address)
{
	struct sockaddr_in name = v4_at(port);
	int fd = socket(AF_INET, SOCK_DGRAM, protocol);

	name.sin_addr.s_addr = htonl(address);
	VICTIM_CHECK(fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	return fd;
}

static int bound_v6(int port)
{
	const struct sockaddr_in6 name = { .sin6_family = AF_INET6,
					   .sin6_port = htons((uint16_t)port) };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	VICTIM_CHECK(bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0);
	return fd;
}

static void send_v4(int fd, const void *from, size_t length, int port)
{
	const struct sockaddr_in name = v4_at(port);

	VICTIM_CHECK(sendto(fd, from, length, 0, (const struct sockaddr *)&name, sizeof(name)) ==
		     (ssize_t)length);
}

static bool is_next(int fd, const void *wanted, size_t length, int port)
{
	struct sockaddr_storage name;
	socklen_t size = sizeof(name);
	ssize_t r = recvfrom(fd, got, sizeof(got), MSG_DONTWAIT, (struct sockaddr *)&name, &size);

	return r == (ssize_t)length && memcmp(got, wanted, length) == 0 &&
	       ((struct sockaddr_in *)&name)->sin_port == htons((uint16_t)port);
}

static bool is_empty(int fd)
{
	return recv(fd, got, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* ---- queues ---- */

static int any, both, one, lite, callers[2];

/* A sender that goes before it is heard, too. */
static void fill(void)
{
	const struct sockaddr_in6 there = v6_at(PORT + 1);
	int gone = bound_v4(0, PORT + 5, INADDR_LOOPBACK);
	int of_six = bound_v6(PORT + 6);

	send_v4(gone, "first", 5, PORT);
	send_v4(callers[0], bytes, LONG, PORT);
	send_v4(callers[1], "third", 5, PORT);
	send_v4(callers[0], "mapped", 6, PORT + 1);
	VICTIM_CHECK(sendto(of_six, "six", 3, 0, (const struct sockaddr *)&there, sizeof(there)) ==
		     3);
	close(gone);
	close(of_six);
	send_v4(callers[1], "connected", 9, PORT + 2);
	if (lite >= 0)
		send_v4(lite, "lite", 4, PORT + 7);
}

static void check_queues(void)
{
	VICTIM_CHECK(is_next(any, "first", 5, PORT + 5) && is_next(any, bytes, LONG, PORT + 3) &&
		     is_next(any, "third", 5, PORT + 4) && is_empty(any));
	VICTIM_CHECK(is_next(both, "mapped", 6, PORT + 3) && is_next(both, "six", 3, PORT + 6) &&
		     is_empty(both));
	VICTIM_CHECK(is_next(one, "connected", 9, PORT + 4) && is_empty(one));
	if (lite >= 0)
		VICTIM_CHECK(is_next(lite, "lite", 4, PORT + 7) && is_empty(lite));
}

static void make_queues(void)
{
	struct sockaddr_in name = v4_at(PORT + 4);
	int size = 200000;

	for (int i = 0; i < LONG; i++)
		bytes[i] = (uint8_t)(i % 251);
	any = bound_v4(0, PORT, INADDR_ANY);
	setsockopt(any, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	both = bound_v6(PORT + 1);
	callers[0] = bound_v4(0, PORT + 3, INADDR_LOOPBACK);
	callers[1] = bound_v4(0, PORT + 4, INADDR_LOOPBACK);
	one = bound_v4(0, PORT + 2, INADDR_LOOPBACK);
	VICTIM_CHECK(connect(one, (struct sockaddr *)&name, sizeof(name)) == 0);
	lite = bound_v4(UDP_LITE, PORT + 7, INADDR_LOOPBACK); /* not each kernel has it */
}

/* ---- shut, raw, filtered ---- */

static int hears, speaks, raw, headed, filtered, member;

static void make_others(void)
{
	const struct sockaddr_in a = v4_at(PORT + 10), b = v4_at(PORT + 11);
	struct sock_filter code[] = { { BPF_LD | BPF_LEN, 0, 0, 0 },
				      { BPF_JMP | BPF_JGT | BPF_K, 1, 0, 12 }, /* with the head */
				      { BPF_RET | BPF_K, 0, 0, 0xffff },
				      { BPF_RET | BPF_K, 0, 0, 0 } };
	const struct sock_fprog program = { 4, code };
	const struct icmp_filter replies = { ~(1u << ICMP_ECHOREPLY) };
	int on = 1;

	hears = bound_v4(0, PORT + 10, INADDR_LOOPBACK);
	speaks = bound_v4(0, PORT + 11, INADDR_LOOPBACK);
	VICTIM_CHECK(connect(hears, (const struct sockaddr *)&b, sizeof(b)) == 0 &&
		     connect(speaks, (const struct sockaddr *)&a, sizeof(a)) == 0);
	VICTIM_CHECK(shutdown(hears, SHUT_WR) == 0 && shutdown(speaks, SHUT_RD) == 0);
	raw = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMP);
	headed = socket(AF_INET6, SOCK_RAW, IPPROTO_RAW);
	VICTIM_CHECK(raw >= 0 && headed >= 0);
	VICTIM_CHECK(setsockopt(raw, SOL_RAW, ICMP_FILTER, &replies, sizeof(replies)) == 0);
	const struct ip_mreqn group = { .imr_multiaddr.s_addr = htonl(0xef010207),
					.imr_ifindex = 1 };

	member = bound_v4(0, PORT + 13, INADDR_ANY);
	VICTIM_CHECK(setsockopt(member, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) == 0);
	filtered = bound_v4(0, PORT + 12, INADDR_LOOPBACK);
	VICTIM_CHECK(setsockopt(filtered, SOL_SOCKET, SO_ATTACH_FILTER, &program,
				sizeof(program)) == 0 &&
		     setsockopt(filtered, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) == 0);
}

static bool answers_ping(void)
{
	struct icmphdr asked = { .type = ICMP_ECHO };
	struct sockaddr_in there = v4_at(0);
	ssize_t length = 0;

	asked.checksum = (uint16_t)~ICMP_ECHO;
	if (sendto(raw, &asked, sizeof(asked), 0, (struct sockaddr *)&there, sizeof(there)) < 0)
		return false;
	for (int ms = 0; ms < 2000 && length <= 0; ms++) {
		length = recv(raw, got, sizeof(got), 0);
		victim_nap();
	}
	return length == 20 + (ssize_t)sizeof(asked) && got[20] == ICMP_ECHOREPLY && is_empty(raw);
}

static void check_others(void)
{
	struct icmp_filter replies = { 0 };
	socklen_t size = sizeof(replies);
	int protocol = 0;

	VICTIM_CHECK(send(hears, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE);
	VICTIM_CHECK(send(speaks, "x", 1, 0) == 1 && is_next(hears, "x", 1, PORT + 11));
	VICTIM_CHECK(recv(speaks, got, 1, 0) == 0);
	VICTIM_CHECK(answers_ping());
	VICTIM_CHECK(getsockopt(raw, SOL_RAW, ICMP_FILTER, &replies, &size) == 0 &&
		     replies.data == ~(1u << ICMP_ECHOREPLY));
	size = sizeof(protocol);
	VICTIM_CHECK(getsockopt(headed, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
		     protocol == IPPROTO_RAW);
	send_v4(callers[0], "much too long", 13, PORT + 12);
	send_v4(callers[0], "ok", 2, PORT + 12);
	struct ip_mreqn group = { .imr_ifindex = 1 };
	struct sockaddr_in to_group = v4_at(PORT + 13);

	to_group.sin_addr.s_addr = htonl(0xef010207);
	VICTIM_CHECK(setsockopt(callers[0], IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof(group)) ==
		     0);
	VICTIM_CHECK(sendto(callers[0], "all", 3, 0, (struct sockaddr *)&to_group,
			    sizeof(to_group)) == 3 &&
		     is_next(member, "all", 3, PORT + 3));
	VICTIM_CHECK(is_next(filtered, "ok", 2, PORT + 3) && is_empty(filtered));
	VICTIM_CHECK(setsockopt(filtered, SOL_SOCKET, SO_DETACH_FILTER, &size, sizeof(size)) < 0 &&
		     errno == EPERM);
}

int main(void)
{
	victim_begin();
	make_queues();
	make_others();
	fill();
	victim_ready();
	while (victim_moved()) {
		check_queues();
		check_others();
		fill();
	}
	return victim_end();
}
