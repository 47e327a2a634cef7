/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_connection.h"

#include <string.h>
#include <sys/syscall.h>

#include "base/test.h"
#include "migrate/restore_test.h"

static bool takes(const char *name, uint32_t bytes)
{
	return unix_connection_takes((const uint8_t *)name, bytes);
}

static void test_takes(void)
{
	CHECK(takes("/run/name", 9) && takes("name", 4) && takes("\0name", 5));
	CHECK(!takes("", 0) && !takes("a\0b", 3) && !takes("/run/../a", 9) && !takes("a/", 2));
}

/* It ends with the shell, before anything has a name. */
static void test_made(void)
{
	const struct unix_connection connection = { .type = OS_UNIX_STREAM,
						    .name = "/run/name",
						    .name_bytes = 9 };
	int connects, accepted;

	restore_begin();
	CHECK(restore_listed(unix_connection_make(restore, &connection, 1, &connects, &accepted,
						  &restore_refusal)));
	CHECK_EQ(restore_call(0, SYS_socket)->arg[1], SOCK_STREAM | SOCK_CLOEXEC);
	restore_end();
}

int main(void)
{
	TEST(test_takes);
	TEST(test_made);
	return test_end();
}
