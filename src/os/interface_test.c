/* SPDX-License-Identifier: Apache-2.0 */
/* In a network of its own: two machines, the second one hears the first one. */
#include "os/interface.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/child.h"
#include "os/inet_datagrams.h"
#include "os/inet_other.h"

#define SECONDS 60

static struct address_net net_of(const char *text)
{
	struct address_net net = { .prefix = 0 };

	CHECK(!address_net_parse(&net, text));
	return net;
}

static struct address address_of(const char *text)
{
	return net_of(text).address;
}

static pid_t neighbour; /* in a network of its own */

/* The commands of `ip` in that network, or in this one. */
static bool run_in(pid_t pid, const char *commands)
{
	char *argv[] = { "ip", "-batch", "-", NULL }, output[512];

	return os_child_run(argv, pid, commands, output, sizeof(output)) == 0;
}

static bool run_there(const char *commands)
{
	return run_in(neighbour, commands);
}

static bool run(const char *commands)
{
	return run_in(getpid(), commands);
}

/* Whether the neighbour knows that. */
static bool knows(const char *words)
{
	char *argv[] = { "ip", "neighbour", "show", NULL }, text[4096] = "";

	return os_child_run(argv, neighbour, NULL, text, sizeof(text)) == 0 && strstr(text, words);
}

static int count_marks(void)
{
	struct os_interface_mark marks[16];

	return os_interface_marked(marks, 16);
}

static void test_find(void)
{
	struct os_interface interface;
	struct address_net net = net_of("10.7.0.5/24"), v6 = net_of("fd07::5/64");

	CHECK_EQ(os_interface_find(&net, &interface), 0);
	CHECK(!strcmp(interface.name, "va"));
	CHECK_EQ(os_interface_find(&v6, &interface), 0);
	CHECK(!strcmp(interface.name, "va"));
	net = net_of("10.8.0.5/24");
	CHECK_EQ(os_interface_find(&net, &interface), -ENODEV);
	net = net_of("127.0.0.5/8");
	CHECK_EQ(os_interface_find(&net, &interface), -ENODEV);
	CHECK_EQ(os_interface_with(address_of("10.7.0.1/24"), &interface), 0);
	CHECK(!strcmp(interface.name, "va"));
	CHECK_EQ(os_interface_with(address_of("10.7.0.5/24"), &interface), -ENODEV);
}

static void give_and_take(const char *text)
{
	const struct address_net net = net_of(text);
	struct os_interface_mark marks[4];
	struct os_interface interface, found;

	CHECK_EQ(os_interface_find(&net, &interface), 0);
	CHECK_EQ(os_interface_give(interface.index, net.address, SECONDS), 0);
	CHECK_EQ(os_interface_give(interface.index, net.address, SECONDS), 0);
	CHECK_EQ(os_interface_marked(marks, 4), 1);
	CHECK(address_same(marks[0].address, net.address));
	CHECK_EQ(marks[0].index, interface.index);
	CHECK_EQ(os_interface_with(net.address, &found), 0);
	CHECK_EQ(os_interface_find(&net, &found), 0); /* another address of the network is there */
	CHECK_EQ(os_interface_announce(interface.index, net.address), 0);
	CHECK_EQ(os_interface_take(interface.index, net.address), 0);
	CHECK_EQ(os_interface_take(interface.index, net.address), -EADDRNOTAVAIL);
	CHECK_EQ(count_marks(), 0);
}

static void test_addresses(void)
{
	give_and_take("10.7.0.5/24");
	give_and_take("fd07::5/64");
}

#define LIVES 100

/* A packet for it comes, however soon after it was given. */
static void use_at_once(const char *text)
{
	const struct address_net net = net_of(text);
	const struct os_inet_kind kind = { .is_v6 = !address_is_v4(net.address), .is_udp = true };
	const struct os_inet_end any = { .port = 5353 };
	const struct os_inet_way way = { .from = { net.address, 7 }, .to = { net.address, 5353 } };
	struct os_interface interface;
	int fd = os_inet_new(&kind);
	char byte;

	CHECK_EQ(os_inet_bind(fd, kind.is_v6, &any), 0);
	CHECK_EQ(os_interface_find(&net, &interface), 0);
	for (int i = 0; i < LIVES; i++) {
		CHECK_EQ(os_interface_give(interface.index, net.address, SECONDS), 0);
		CHECK_EQ(os_inet_datagrams_put(&way, (const uint8_t *)"x", 1), 0);
		CHECK_EQ(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000), 1);
		CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), 1);
		CHECK_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
		CHECK_EQ(os_interface_take(interface.index, net.address), 0);
	}
	close(fd);
}

static void test_usable_at_once(void)
{
	use_at_once("10.7.0.5/24");
	use_at_once("fd07::5/64");
}

/* By the routes, also where a program may be bound to any address. */
static void test_here(void)
{
	struct os_interface interface;
	struct address_net net = net_of("10.7.0.5/24");
	int setting = open("/proc/sys/net/ipv4/ip_nonlocal_bind", O_WRONLY | O_CLOEXEC);

	CHECK_EQ(write(setting, "1", 1), 1);
	close(setting);
	CHECK_EQ(os_interface_find(&net, &interface), 0);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t index = i ? interface.index : 0;

		CHECK(os_interface_routes_here(index, address_of("10.7.0.1/24")));
		CHECK(os_interface_routes_here(index, address_of("fd07::1/64")));
		CHECK(!os_interface_routes_here(index, address_of("10.7.0.2/24")));
		CHECK(!os_interface_routes_here(index, address_of("fd07::2/64")));
		CHECK(!os_interface_routes_here(index, address_of("10.7.0.255/24")));
	}
	CHECK(os_inet_is_here(address_of("10.7.0.1/24")));
	CHECK(!os_inet_is_here(address_of("10.7.0.2/24")));
}

static void test_holes(void)
{
	static const char *const texts[] = { "10.7.0.5/24", "fd07::5/64" };
	struct os_interface_mark marks[4];

	for (size_t i = 0; i < 2; i++) {
		CHECK_EQ(os_interface_dig(address_of(texts[i])), 0);
		CHECK_EQ(os_interface_dig(address_of(texts[i])), -EEXIST);
		CHECK_EQ(os_interface_marked(marks, 4), 1);
		CHECK(address_same(marks[0].address, address_of(texts[i])));
		CHECK_EQ(marks[0].index, 0);
		CHECK_EQ(os_interface_fill(address_of(texts[i])), 0);
		CHECK_EQ(os_interface_fill(address_of(texts[i])), -ESRCH);
		CHECK_EQ(count_marks(), 0);
	}
}

/* An address that nobody prolongs ends by itself. */
static void test_time(void)
{
	struct os_interface interface;
	struct address_net net = net_of("10.7.0.5/24");

	CHECK_EQ(os_interface_find(&net, &interface), 0);
	CHECK_EQ(os_interface_give(interface.index, net.address, 1), 0);
	CHECK_EQ(count_marks(), 1);
	for (int ms = 0; ms < 5000 && count_marks(); ms += 10)
		usleep(10000);
	CHECK_EQ(count_marks(), 0);
}

#define MANY	600
#define LOOKS	300
#define COMMAND 64

/* So many that the kernel tells them in several pieces. */
static bool make_many(void)
{
	char *text = calloc(MANY, COMMAND);
	size_t at = 0;

	for (unsigned i = 0; i < MANY; i++)
		at += (size_t)snprintf(text + at, COMMAND, "address add 10.9.%u.%u/32 dev va\n",
				       i / 200, i % 200 + 1);
	bool made = run(text);

	free(text);
	return made;
}

#define CHANGES 20

/* Another address comes and goes, some times for each byte from `fd`, which goes back: fewer than an answer's tries. */
static void change_in_turn(int fd, int index)
{
	const struct address other = address_of("10.7.0.6/24");
	uint8_t turn;

	while (read(fd, &turn, 1) == 1) {
		for (int i = 0; i < CHANGES; i++) {
			os_interface_give(index, other, SECONDS);
			os_interface_take(index, other);
		}
		if (write(fd, &turn, 1) != 1)
			break;
	}
	_exit(0);
}

/* Other addresses come and go between two pieces: the answer is whole nevertheless. */
static void test_changes_meanwhile(void)
{
	struct os_interface a;
	struct address_net net = net_of("10.7.0.5/24");
	int ends[2], count = 1;
	uint8_t turn = 0;
	pid_t child;

	CHECK(make_many());
	CHECK_EQ(os_interface_find(&net, &a), 0);
	CHECK_EQ(os_interface_give(a.index, net.address, SECONDS), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	child = fork();
	if (!child) {
		close(ends[1]);
		change_in_turn(ends[0], a.index);
	}
	close(ends[0]);
	for (unsigned i = 0; i < LOOKS && (count == 1 || count == 2); i++) {
		CHECK_EQ(write(ends[1], &turn, 1), 1);
		count = count_marks();
		CHECK_EQ(read(ends[1], &turn, 1), 1);
	}
	CHECK(count == 1 || count == 2);
	close(ends[1]);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	CHECK_EQ(os_interface_take(a.index, net.address), 0);
}

/* The neighbour takes the new place of the address from the announcement. */
static void test_announced(void)
{
	struct os_interface a;
	struct address_net net = net_of("10.7.0.5/24");
	const struct address v4 = net.address, v6 = address_of("fd07::5/64");

	CHECK_EQ(os_interface_find(&net, &a), 0);
	CHECK(run_there("neighbour replace 10.7.0.5 lladdr 02:00:00:00:00:99 dev vb nud stale\n"
			"neighbour replace fd07::5 lladdr 02:00:00:00:00:99 dev vb nud stale"));
	CHECK_EQ(os_interface_give(a.index, v4, SECONDS), 0);
	CHECK_EQ(os_interface_give(a.index, v6, SECONDS), 0);
	CHECK_EQ(os_interface_announce(a.index, v4), 0);
	CHECK_EQ(os_interface_announce(a.index, v6), 0);
	for (int ms = 0; ms < 2000 && knows("02:00:00:00:00:99"); ms += 10)
		usleep(10000);
	CHECK(knows("10.7.0.5 dev vb lladdr 02:00:00:00:00:0a"));
	CHECK(knows("fd07::5 dev vb lladdr 02:00:00:00:00:0a"));
	CHECK_EQ(os_interface_take(a.index, v4), 0);
	CHECK_EQ(os_interface_take(a.index, v6), 0);
}

static bool make_networks(void)
{
	char text[256];
	uint8_t ready;
	int ends[2];

	if (geteuid() || unshare(CLONE_NEWNET) < 0 || pipe(ends) < 0)
		return false;
	neighbour = fork();
	if (!neighbour) {
		if (unshare(CLONE_NEWNET) == 0 && write(ends[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ends[1]);
	snprintf(text, sizeof(text),
		 "link set lo up\n"
		 "link add va address 02:00:00:00:00:0a type veth peer name vb netns %d\n"
		 "link set va up\n"
		 "address add 10.7.0.1/24 dev va\naddress add fd07::1/64 dev va nodad",
		 (int)neighbour);
	return read(ends[0], &ready, 1) == 1 && run(text) &&
	       run_there("link set lo up\nlink set vb up\n"
			 "address add 10.7.0.2/24 dev vb\naddress add fd07::2/64 dev vb nodad");
}

int main(void)
{
	if (!make_networks())
		return 77;
	TEST(test_find);
	TEST(test_addresses);
	TEST(test_usable_at_once);
	TEST(test_here);
	TEST(test_holes);
	TEST(test_time);
	TEST(test_announced);
	TEST(test_changes_meanwhile);
	kill(neighbour, SIGKILL);
	return test_end();
}
