/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/restore_unix.h"

#include "base/test.h"
#include "migrate/restore_test.h"

#include <sys/socket.h>
#include <sys/syscall.h>

static const struct restore_unix_maker nobody = { 65534, 7, 1 };

/* The shell has the ids of the maker, and then its own again. */
static void check_rights(uint32_t first)
{
	CHECK_EQ(restore_call(first, SYS_setgroups)->arg[0], 3);
	CHECK_EQ(restore_call(first + 1, SYS_setresgid)->arg[1], 7);
	CHECK_EQ(restore_call(first + 2, SYS_setresuid)->arg[1], 65534);
	CHECK_EQ(restore_call(first + 4, SYS_setresuid)->arg[1], 0);
	CHECK_EQ(restore_call(first + 5, SYS_setresgid)->arg[1], 0);
}

static void test_pair(void)
{
	int number[2];

	restore_begin();
	restore->picture.process.opener.group_count = 3;
	CHECK(restore_listed(
		restore_unix_pair(restore, OS_UNIX_SEQPACKET, &nobody, number, &restore_refusal)));
	check_rights(0);
	CHECK_EQ(restore_call(3, SYS_socketpair)->arg[1], SOCK_SEQPACKET | SOCK_CLOEXEC);
	restore_end();
}

static void test_connect(void)
{
	int number = 0;

	restore_begin();
	CHECK(restore_listed(restore_unix_connect(restore, OS_UNIX_STREAM, "/name", 5, &nobody,
						  &number, &restore_refusal)));
	CHECK_EQ(restore_call(0, SYS_socket)->arg[1], SOCK_STREAM | SOCK_CLOEXEC);
	restore_end();
	restore_begin();
	CHECK(restore_listed(restore_unix_accept(restore, 9, &number, &restore_refusal)));
	CHECK_EQ(restore_call(0, SYS_accept4)->arg[0], 9);
	restore_end();
}

static void test_listen(void)
{
	int number;

	restore_begin();
	restore->picture.process.opener.group_count = 3;
	CHECK(restore_listed(restore_unix_listen(restore, 9, 5, &nobody, &restore_refusal)));
	check_rights(0);
	CHECK(restore_call(3, SYS_listen)->arg[0] == 9 && restore_call(3, SYS_listen)->arg[1] == 5);
	restore_end();
	restore_begin();
	CHECK(restore_listed(
		restore_unix_socket(restore, OS_UNIX_STREAM, &number, &restore_refusal)));
	CHECK_EQ(restore_call(0, SYS_socket)->arg[0], AF_UNIX);
	restore_end();
	restore_begin();
	CHECK(restore_listed(restore_unix_find(restore, "/run/name", &number, &restore_refusal)));
	CHECK(restore_call(0, SYS_openat)->arg[2] == (O_PATH | O_NOFOLLOW | O_CLOEXEC));
	restore_end();
	restore_begin();
	CHECK(restore_listed(
		restore_unix_connect_to(restore, 5, "name", 4, &nobody, &restore_refusal)));
	CHECK_EQ(restore_call(3, SYS_connect)->arg[0], 5);
	restore_end();
	restore_begin();
	restore_unix_close(restore, 9);
	CHECK_EQ(restore_call(0, SYS_close)->arg[0], 9);
	restore_end();
}

int main(void)
{
	TEST(test_pair);
	TEST(test_connect);
	TEST(test_listen);
	return test_end();
}
