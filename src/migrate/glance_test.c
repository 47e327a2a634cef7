/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/glance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "os/procdir.h"

#define PAIRS 80

static struct kind_seen own(void)
{
	return (struct kind_seen){ .pid = getpid(), .dir = procdir_open(getpid()) };
}

/* As many as are looked at on several CPUs; each is told of by its own number. */
static void test_sockets(void)
{
	static struct glance glance[2 * PAIRS];
	int number[2 * PAIRS];
	const struct kind_seen of = own();

	for (int i = 0; i < PAIRS; i++)
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, number + 2 * i) == 0);
	glance_take(&of, number, 2 * PAIRS, glance);
	for (int i = 0; i < 2 * PAIRS; i++) {
		const struct kind_seen *seen = &glance[i].seen;
		char name[32];

		snprintf(name, sizeof(name), "fd/%d", number[i]);
		CHECK(glance[i].r == 0 && seen->number == number[i] && seen->socket >= 0);
		CHECK(strcmp(seen->entry, name) == 0);
		CHECK(strncmp(seen->link, "socket:[", 8) == 0 && strstr(seen->info, "flags:"));
		CHECK(glance[i].known.row == &kind_unix_stream);
		close(number[i]);
	}
	glance_end(glance, 2 * PAIRS);
	close(of.dir);
}

/* A file, and a descriptor that is not there any more. */
static void test_others(void)
{
	struct glance glance[2];
	int file = open("/dev/null", O_RDONLY);
	const int number[] = { file, 900 };
	const struct kind_seen of = own();

	glance_take(&of, number, 2, glance);
	CHECK(glance[0].r == 0 && glance[0].seen.socket == -1 && !glance[0].seen.known);
	CHECK(strcmp(glance[0].seen.link, "/dev/null") == 0);
	CHECK_EQ(glance[1].r, -ENOENT);
	glance_end(glance, 2);
	close(file);
	close(of.dir);
}

int main(void)
{
	TEST(test_sockets);
	TEST(test_others);
	return test_end();
}
