/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/inet_members.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "migrate/inet.h"
#include "os/inet_groups.h"
#include "os/procdir.h"

#define HEAD sizeof(struct inet_piece_head)

static struct contents contents;

static const struct os_inet_group group = { .group = { { [10] = 0xff, 0xff, 239, 1, 2, 4 } },
					    .device = "lo",
					    .includes = true,
					    .source_count = 2,
					    .source = { { { [10] = 0xff, 0xff, 192, 0, 2, 1 } },
							{ { [10] = 0xff, 0xff, 192, 0, 2, 2 } } } };

static int take(int fd)
{
	int dir = procdir_open(getpid());

	contents_free(&contents);
	CHECK_EQ(inet_members_take(fd, dir, &contents), 0);
	close(dir);
	return (int)contents.length;
}

/* The one piece; the caller may change it. */
static uint8_t *piece_of(uint32_t *length)
{
	uint32_t at = 0;

	return (uint8_t *)contents_next(&contents, &at, length);
}

static void test_carried(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0);
	struct contents first;

	CHECK_EQ(take(fd), 0);
	CHECK_EQ(os_inet_groups_join(fd, &group), 0);
	CHECK(take(fd) > 0);
	CHECK_EQ(inet_members_join(other, &contents), 0);
	first = contents;
	contents = (struct contents){ 0 };
	CHECK_EQ(take(other), (int)first.length);
	CHECK(memcmp(contents.bytes, first.bytes, first.length) == 0);
	contents_free(&first);
	close(fd);
	close(other);
}

static void test_damaged(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint32_t length;

	CHECK_EQ(os_inet_groups_join(fd, &group), 0);
	CHECK(take(fd) > 0);
	uint8_t *piece = piece_of(&length);

	CHECK_OR_RETURN(piece && inet_members_is_piece(piece, length));
	CHECK(!inet_members_is_piece(piece, length - 1));
	piece[HEAD + 31] = 'x'; /* a name of an interface without an end */
	CHECK(!inet_members_is_piece(piece, length));
	piece[HEAD + 31] = 0;
	piece[HEAD + 32] = 2; /* neither of both */
	CHECK(!inet_members_is_piece(piece, length));
	piece[HEAD + 32] = 1;
	piece[HEAD + 36] = 3; /* sources that are not there */
	CHECK(!inet_members_is_piece(piece, length));
	piece[HEAD + 36] = 2;
	piece[HEAD + 40] ^= 1; /* one of another family */
	CHECK(!inet_members_is_piece(piece, length));
	piece[HEAD + 40] ^= 1;
	memcpy(piece + HEAD + 16, "nowhere", 8);
	CHECK_EQ(inet_members_join(fd, &contents), -ENODEV);
	close(fd);
}

int main(void)
{
	TEST(test_carried);
	TEST(test_damaged);
	contents_free(&contents);
	return test_end();
}
