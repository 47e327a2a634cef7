/* SPDX-License-Identifier: Apache-2.0 */
/* The options of sockets of this very process. */
#include "migrate/inet.h"

#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/test.h"
#include "dvk/errors.h"
#include "migrate/made_proc_test.h"

static struct contents contents;
static struct refusal why;

static int take(int fd)
{
	struct description description = { .number = fd, .contents = contents };
	int r = inet_check(getpid(), &description, NULL, &why);

	contents = description.contents;
	return r;
}

static void test_carried(void)
{
	const struct inet_piece_head rest[2] = { { INET_NO_LEVEL, INET_REST, 8 }, { 1, 2, 3 } };
	int fd = socket(AF_INET, SOCK_STREAM, 0), copy = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	socklen_t bytes = sizeof(on);
	struct inet_piece_head found;

	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)), 0);
	for (int i = 0; i < 2; i++) /* as often as it is looked at */
		CHECK_EQ(take(fd), 0);
	CHECK_EQ(contents.length, 4 + 8 + 4);
	CHECK(!inet_find_rest(&contents, &found, sizeof(found)));
	CHECK_EQ(contents_append(&contents, rest, sizeof(rest)), 0);
	CHECK(inet_are_pieces(&contents));
	CHECK(inet_find_rest(&contents, &found, sizeof(found)) && found.bytes == 3);
	CHECK(!inet_find_rest(&contents, &found, 4));
	CHECK_EQ(inet_options_give(copy, &contents, &why), 0);
	on = 0;
	CHECK(getsockopt(copy, SOL_SOCKET, SO_KEEPALIVE, &on, &bytes) == 0 && on == 1);
	CHECK_EQ(contents_append(&contents, rest, 7), 0); /* not the whole of a head */
	CHECK(!inet_are_pieces(&contents));
	contents_free(&contents);
	close(fd);
	close(copy);
}

static void test_refused(void)
{
	const uint32_t filter[] = { 1 | 26 << 16, 4, 0 }; /* SO_ATTACH_FILTER */
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	CHECK_EQ(contents_append(&contents, filter, sizeof(filter)), 0);
	CHECK(inet_are_pieces(&contents));
	CHECK(is_refusal(inet_options_give(fd, &contents, &why), &why, EDVSPROCSTS,
			 "cannot set the socket option number 26"));
	why = REFUSAL_NONE;
	contents_free(&contents);
	close(fd);
}

/* The kernel gives back no program of eBPF. */
static void test_filter(void)
{
	/* r0 = 0; exit */
	static const uint64_t code[] = { 0xb7, 0x95 };
	const union bpf_attr load = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
				      .insn_cnt = 2,
				      .insns = (uintptr_t)code,
				      .license = (uintptr_t) "" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));

	if (program < 0) {
		test_skip("no program of eBPF can be loaded");
	} else {
		CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)), 0);
		CHECK(is_refusal(take(fd), &why, EDVSPROCSTS, "which the kernel does not show"));
		why = REFUSAL_NONE;
		contents_free(&contents);
	}
	close(program);
	close(fd);
}

/* The name of the interface travels. */
static void test_interface(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), interface = 1;
	struct inet_piece_head head;
	uint32_t at = 0, length;

	CHECK_EQ(setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &interface, sizeof(interface)), 0);
	CHECK_EQ(take(fd), 0);
	uint8_t *piece = (uint8_t *)contents_next(&contents, &at, &length);

	memcpy(&head, piece, sizeof(head));
	CHECK(head.bytes == 16 && memcmp(piece + sizeof(head), "lo", 3) == 0);
	CHECK_EQ(inet_options_give(fd, &contents, &why), 0);
	piece[sizeof(head) + 1] = '-';
	CHECK(is_refusal(inet_options_give(fd, &contents, &why), &why, EDVSPROCSTS,
			 "an interface that the target does not have (socket option number 17)"));
	contents_free(&contents);
	why = REFUSAL_NONE;
	close(fd);
}

static void test_family(void)
{
	const uint8_t loopback[4] = { 127, 0, 0, 1 };

	CHECK(inet_is_of_family(false, address_v4(loopback)));
	CHECK(inet_is_of_family(true, address_v4(loopback)));
	CHECK(inet_is_of_family(false, ADDRESS_NONE));
	CHECK(!inet_is_of_family(false, (struct address){ { [15] = 1 } }));
}

int main(void)
{
	TEST(test_carried);
	TEST(test_refused);
	TEST(test_filter);
	TEST(test_interface);
	TEST(test_family);
	return test_end();
}
