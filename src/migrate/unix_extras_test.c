/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/unix_extras.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "migrate/kind.h"
#include "migrate/restore_test.h"

static struct descriptions all;

static void add(int fd, uint32_t kind)
{
	const struct image_description image = { .id = all.count + 1, .kind = kind };
	struct description *description = descriptions_add(&all, &image, kind_of(image.kind));
	struct stat status;

	CHECK_EQ(fstat(fd, &status), 0);
	description->pid = getpid();
	description->number = fd;
	description->device = status.st_dev;
	description->inode = status.st_ino;
}

/* One description has many descriptors; another one of the same file is none of them. */
static void test_names(void)
{
	const struct kind_frozen frozen = { .pid = getpid(), .descriptions = &all };
	const struct unix_queue_names names = unix_extras_names(&frozen);
	int pair[2], file = open("/proc/self/exe", O_RDONLY), same = dup(file),
		     other = open("/proc/self/exe", O_RDONLY);

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	add(pair[0], IMAGE_DESCRIPTION_UNIX_STREAM);
	add(file, IMAGE_DESCRIPTION_FILE);
	CHECK_EQ(names.right(names.ctx, same), 2);
	CHECK_EQ(names.right(names.ctx, other), 0);
	CHECK_EQ(names.right(names.ctx, pair[0]), 0);
	CHECK_EQ(names.right(names.ctx, -1), 0);
	CHECK(names.sender(names.ctx, getpid()) > 0 && names.sender(names.ctx, LISTED_NOBODY) < 0);
	CHECK(unix_extras_may_pass(&all, 2) && !unix_extras_may_pass(&all, 1) &&
	      !unix_extras_may_pass(&all, 3));
	descriptions_free(&all);
	close(pair[0]);
	close(pair[1]);
	close(file);
	close(same);
	close(other);
}

/* One that a process has is taken from it, and one that is kept is duplicated. */
static void test_hands(void)
{
	const struct image_description image = { .id = 1, .kind = IMAGE_DESCRIPTION_FILE };

	restore_begin();
	const struct unix_queue_hands hands = unix_extras_hands(restore);
	struct description *description = descriptions_add(&restore->picture.tables->descriptions,
							   &image, kind_of(image.kind));

	CHECK(hands.sender(hands.ctx, 7) == restore->pid && hands.sender(hands.ctx, 8) < 0);
	description->kept = dup(0);
	int fd = hands.open(hands.ctx, 1);

	CHECK(fd >= 0 && fd != description->kept);
	close(fd);
	description->pid = getpid();
	description->number = 0;
	fd = hands.open(hands.ctx, 1);
	CHECK(fd >= 0);
	close(fd);
	restore_end();
}

/* One that only a queue has, and of a kind that a process has to have, was looked at by nobody. */
static void test_nobodys(void)
{
	static const uint32_t kinds[] = { IMAGE_DESCRIPTION_TERMINAL_MASTER,
					  IMAGE_DESCRIPTION_EPOLL, IMAGE_DESCRIPTION_MQUEUE };

	restore_begin();
	const struct unix_queue_hands hands = unix_extras_hands(restore);

	for (uint32_t i = 0; i < 3; i++) {
		const struct image_description image = { .id = i + 1, .kind = kinds[i] };

		CHECK(descriptions_add(&restore->picture.tables->descriptions, &image,
				       kind_of(image.kind)));
		CHECK_EQ(hands.open(hands.ctx, i + 1), -ENOLINK);
	}
	restore_end();
}

int main(void)
{
	TEST(test_names);
	TEST(test_hands);
	TEST(test_nobodys);
	return test_end();
}
