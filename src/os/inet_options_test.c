/* SPDX-License-Identifier: Apache-2.0 */
#include "os/inet_options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

static struct os_inet_options told, again;

static int make(int kind)
{
	return socket(kind & 1 ? AF_INET6 : AF_INET, kind & 2 ? SOCK_DGRAM : SOCK_STREAM, 0);
}

static void set(int fd, int level, int option, int value)
{
	CHECK_EQ(setsockopt(fd, level, option, &value, sizeof(value)), 0);
}

static int value_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t bytes = sizeof(value);

	CHECK_EQ(getsockopt(fd, level, option, &value, &bytes), 0);
	return value;
}

static void test_fresh(void)
{
	for (int kind = 0; kind < 4; kind++) {
		int fd = make(kind), number;

		CHECK_EQ(os_inet_options_look(fd, &told), 0);
		CHECK_EQ(told.count, 0);
		CHECK_EQ(os_inet_options_give(fd, &told, &number), 0);
		close(fd);
	}
}

/* One that sets another one: IP_TOS makes a priority of its own, which the program has undone. */
static void test_given(void)
{
	for (int kind = 0; kind < 4; kind++) {
		int fd = make(kind), copy = make(kind), number = 0;

		set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
		set(fd, SOL_SOCKET, SO_RCVBUF, 30000);
		set(fd, IPPROTO_IP, IP_TOS, 0x10);
		set(fd, SOL_SOCKET, SO_PRIORITY, 0);
		if (kind & 1)
			set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
		if (kind & 2)
			set(fd, IPPROTO_IP, IP_PKTINFO, 1);
		else
			set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 55);
		CHECK_EQ(os_inet_options_look(fd, &told), 0);
		CHECK(told.count >= 5); /* SO_BUF_LOCK too */
		CHECK_EQ(os_inet_options_try(fd, &told, &number), 0);
		CHECK_EQ(os_inet_options_give(copy, &told, &number), 0);
		CHECK_EQ(os_inet_options_look(copy, &again), 0);
		CHECK_EQ(again.count, told.count);
		CHECK(memcmp(again.option, told.option, told.count * sizeof(told.option[0])) == 0);
		CHECK_EQ(value_of(copy, SOL_SOCKET, SO_PRIORITY), 0);
		CHECK_EQ(value_of(copy, SOL_SOCKET, SO_RCVBUF), 60000);
		close(fd);
		close(copy);
	}
}

/* Options that are an interface have its name. */
static void test_interfaces(void)
{
	static const struct {
		int level, number, index;
	} option[] = { { IPPROTO_IP, 50, (int)0x01000000 },
		       { IPPROTO_IPV6, IPV6_MULTICAST_IF, 1 },
		       { IPPROTO_IPV6, 76, (int)0x01000000 } };
	int fd = make(3), copy = make(3), number = 0;

	for (size_t i = 0; i < 3; i++)
		set(fd, option[i].level, option[i].number, option[i].index);
	CHECK_EQ(os_inet_options_look(fd, &told), 0);
	CHECK_EQ(told.count, 3);
	for (size_t i = 0; i < 3; i++)
		CHECK(told.option[i].bytes == 16 && memcmp(told.option[i].value, "lo", 3) == 0);
	CHECK_EQ(os_inet_options_try(fd, &told, &number), 0);
	CHECK_EQ(os_inet_options_give(copy, &told, &number), 0);
	for (size_t i = 0; i < 3; i++)
		CHECK_EQ(value_of(copy, option[i].level, option[i].number), option[i].index);
	told.option[2].value[1] = 'x'; /* which no machine has */
	CHECK_EQ(os_inet_options_give(copy, &told, &number), -ENODEV);
	CHECK_EQ(number, told.option[2].number);
	told.count = 2; /* the third one is given back */
	CHECK_EQ(os_inet_options_give(copy, &told, &number), 0);
	CHECK_EQ(value_of(copy, IPPROTO_IPV6, 76), 0);
	close(fd);
	close(copy);
}

/* A size that the kernel has found is not the program's. */
static void test_sizes(void)
{
	int fd = make(0);

	set(fd, SOL_SOCKET, SO_RCVLOWAT, 1 << 17); /* which widens its buffer */
	CHECK(value_of(fd, SOL_SOCKET, SO_RCVBUF) >= 1 << 17);
	CHECK_EQ(os_inet_options_look(fd, &told), 0);
	CHECK_EQ(told.count, 1);
	close(fd);
}

/* From outside: an option that takes a descriptor of ours, one of the packet filter, one that is no setting. */
/* Each of them tells of other filters. */
static void test_raw(void)
{
	static const int sort[][2] = { { AF_INET, IPPROTO_RAW },    { AF_INET6, IPPROTO_RAW },
				       { AF_INET, IPPROTO_UDP },    { AF_INET, IPPROTO_ICMP },
				       { AF_INET6, IPPROTO_UDP },   { AF_INET6, IPPROTO_ICMPV6 },
				       { AF_INET, IPPROTO_ICMPV6 }, { AF_INET6, IPPROTO_ICMP } };
	static struct os_inet_options options;

	for (size_t i = 0; i < sizeof(sort) / sizeof(sort[0]); i++) {
		int fd = socket(sort[i][0], SOCK_RAW, sort[i][1]), number, tos = 8;

		if (fd < 0)
			continue; /* only root may have one */
		CHECK_EQ(os_inet_options_look(fd, &options), 0);
		CHECK_EQ(options.count, 0);
		if (sort[i][0] == AF_INET)
			setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
		else
			setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
		CHECK_EQ(os_inet_options_look(fd, &options), 0);
		CHECK(options.count >= 1);
		CHECK_EQ(os_inet_options_try(fd, &options, &number), 0);
		close(fd);
	}
}

static void test_refused(void)
{
	static const struct {
		uint16_t level, number;
		uint32_t bytes;
		int result;
	} bad[] = {
		{ SOL_SOCKET, 50, 4, -ENOPROTOOPT }, /* SO_ATTACH_BPF */
		{ SOL_SOCKET, SO_ATTACH_FILTER, 16, -ENOPROTOOPT },
		{ SOL_SOCKET, SO_ERROR, 4, -ENOPROTOOPT },
		{ IPPROTO_IP, 64, 4, -ENOPROTOOPT },
		{ IPPROTO_TCP, 19, 4, -ENOPROTOOPT }, /* TCP_REPAIR */
		{ 263, 1, 4, -ENOPROTOOPT },
		{ SOL_SOCKET, SO_KEEPALIVE, 65, -ENOPROTOOPT },
		{ SOL_SOCKET, SO_KEEPALIVE, 0, -EINVAL },
		{ IPPROTO_IP, 50, 4, -EXDEV },	 /* IP_UNICAST_IF by a number */
		{ IPPROTO_IP, 50, 16, -ENODEV }, /* by a name that is none */
		{ IPPROTO_IP, 50, 17, -EXDEV },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = make(0), number = 0;

		told = (struct os_inet_options){
			1, { { bad[i].level, bad[i].number, bad[i].bytes, { 1 } } }
		};
		CHECK_EQ(os_inet_options_give(fd, &told, &number), bad[i].result);
		CHECK_EQ(number, bad[i].number);
		close(fd);
	}
}

int main(void)
{
	if (geteuid()) {
		puts("ok - # skip only root may set these options");
		return 77;
	}
	TEST(test_fresh);
	TEST(test_given);
	TEST(test_interfaces);
	TEST(test_sizes);
	TEST(test_raw);
	TEST(test_refused);
	return test_end();
}
