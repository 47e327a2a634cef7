/* SPDX-License-Identifier: Apache-2.0 */
/* Socket pairs of this very process, as the kernel lists them. */
#include "migrate/unix_ends.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "migrate/kind.h"

#define PAIRS 5

static struct descriptions all;
static int fd[PAIRS][2];

static uint32_t inode_of(int one)
{
	struct stat status;

	return fstat(one, &status) ? 0 : (uint32_t)status.st_ino;
}

/* Both ends of each pair, which are wanted, and behind each a description that is not. */
static void begin(void)
{
	static const struct kind kind;
	struct image_description image = { .kind = IMAGE_DESCRIPTION_UNIX_SOCKET };

	for (int i = 0; i < PAIRS; i++) {
		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd[i]), 0);
		for (int k = 1; k >= 0; k--) {
			image.id++;
			descriptions_add(&all, &image, &kind)->inode = inode_of(fd[i][k]);
			image.id++;
			descriptions_add(&all, &image, &kind)->inode = 1;
		}
	}
}

static void end(void)
{
	for (int i = 0; i < PAIRS; i++) {
		close(fd[i][0]);
		close(fd[i][1]);
	}
	descriptions_free(&all);
}

static bool is_wanted(const struct description *description)
{
	return description->inode != 1;
}

static int lists;

static int on_socket(void *ctx, uint32_t inode, uint32_t peer)
{
	struct description *found = unix_ends_find(ctx, inode);

	if (found)
		found->number = (int)peer;
	lists += inode == inode_of(fd[0][0]);
	return 0;
}

static bool has_peer(const struct description *description)
{
	return description->number != -1;
}

static bool is_never_known(const struct description *description)
{
	return !description;
}

static void test_peers(void)
{
	struct unix_ends ends;

	begin();
	CHECK(unix_ends_collect(&ends, &all, is_wanted));
	CHECK_EQ(ends.count, PAIRS * 2);
	CHECK(!unix_ends_find(&ends, 1));
	lists = 0;
	CHECK_EQ(unix_ends_tell(&ends, has_peer, on_socket, &ends), 0);
	CHECK(lists >= 1);
	for (int i = 0; i < PAIRS; i++)
		for (int k = 0; k < 2; k++) {
			struct description *found = unix_ends_find(&ends, inode_of(fd[i][k]));

			CHECK(found && (uint32_t)found->number == inode_of(fd[i][!k]));
		}
	unix_ends_free(&ends);
	end();
}

/* An end that no list has: the kernel is not asked for ever. */
static void test_bounded(void)
{
	struct unix_ends ends;

	begin();
	CHECK(unix_ends_collect(&ends, &all, is_wanted));
	lists = 0;
	CHECK_EQ(unix_ends_tell(&ends, is_never_known, on_socket, &ends), 0);
	CHECK(lists >= 1 && lists <= 3);
	unix_ends_free(&ends);
	end();
}

static int on_failure(void *ctx, uint32_t inode, uint32_t peer)
{
	(void)ctx;
	(void)inode;
	(void)peer;
	return -7;
}

static void test_failure(void)
{
	struct unix_ends ends;

	begin();
	CHECK(unix_ends_collect(&ends, &all, is_wanted));
	CHECK_EQ(unix_ends_tell(&ends, is_never_known, on_failure, &ends), -7);
	unix_ends_free(&ends);
	CHECK(!ends.end && !ends.count);
	end();
}

int main(void)
{
	TEST(test_peers);
	TEST(test_bounded);
	TEST(test_failure);
	return test_end();
}
