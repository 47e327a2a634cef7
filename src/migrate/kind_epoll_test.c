/* SPDX-License-Identifier: Apache-2.0 */
/* The row of epoll instances: its link, what comes from outside, and a fresh one. Their items: epoll_*_test. */
#include "migrate/kind.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/test.h"
#include "migrate/epoll_items.h"

static void test_found(void)
{
	const struct kind_seen epoll = { .link = "anon_inode:[eventpoll]", .info = "" };
	const struct kind_seen other = { .link = "anon_inode:[eventfd]", .info = "" };
	struct image_description image = { 0 };
	struct refusal refusal = REFUSAL_NONE;

	CHECK_EQ(kind_epoll.find(&epoll, &image, &refusal), 1);
	CHECK_EQ(kind_epoll.find(&other, &image, &refusal), 0);
	CHECK(kind_epoll.read(&image, NULL, NULL, true));
	CHECK(kind_epoll.is_last);
	CHECK_EQ(kind_epoll.shared, KIND_SHARE_DESCRIPTION);
}

static void test_opened(void)
{
	struct description description = { .image.flags = O_RDWR };
	struct refusal refusal = REFUSAL_NONE;
	struct epoll_event event;
	int fd = kind_epoll.open(NULL, &description, &refusal);

	CHECK(fd >= 0 && epoll_wait(fd, &event, 1, 0) == 0);
	close(fd);
}

/* Descriptors 3 and 5 are one description, 4 is another one. */
static bool is_whole(const struct epoll_item *items, uint32_t bytes)
{
	const struct image_description images[] = { { .id = 1, .kind = IMAGE_DESCRIPTION_EVENTFD },
						    { .id = 2, .kind = IMAGE_DESCRIPTION_EPOLL } };
	const struct image_fd fds[] = { { .number = 3, .description = 1 },
					{ .number = 4, .description = 2 },
					{ .number = 5, .description = 1 } };
	struct descriptions descriptions = { 0 };
	struct descriptors descriptors = { 0 };

	for (size_t i = 0; i < 2; i++)
		CHECK(descriptions_add(&descriptions, &images[i], kind_of(images[i].kind)));
	for (size_t i = 0; i < 3; i++)
		CHECK_EQ(descriptors_append(&descriptors, &fds[i]), 0);
	if (bytes)
		CHECK_EQ(contents_append(&descriptions.description[1].contents, items, bytes), 0);
	bool whole = kind_epoll.whole(&descriptions.description[1], &descriptions, &descriptors);

	descriptors_free(&descriptors);
	descriptions_free(&descriptions);
	return whole;
}

static void test_whole(void)
{
	const uint32_t one = sizeof(struct epoll_item);
	struct epoll_item items[2] = { { .number = 3, .description = 1, .state = EPOLL_ITEM_TOLD },
				       { .number = 5, .description = 1 } };

	CHECK(is_whole(items, 0));
	CHECK(is_whole(items, one) && is_whole(items, 2 * one));
	CHECK(!is_whole(items, one + 4));
	items[0].state = EPOLL_ITEM_STATES + 1;
	CHECK(!is_whole(items, one));
	items[0].state = EPOLL_ITEM_LEFT; /* it is not */
	CHECK(!is_whole(items, one));
	items[0].number = 4;
	CHECK(is_whole(items, one));
	items[0].number = 7;
	CHECK(is_whole(items, one));
	items[0].description = 3; /* which the process has not */
	CHECK(!is_whole(items, one));
	items[0].description = 1;
	items[0].state = 0;
	items[0].number = 4; /* another description */
	CHECK(!is_whole(items, one));
	items[0].number = 6; /* none */
	CHECK(!is_whole(items, one));
	items[0].description = 0;
	CHECK(!is_whole(items, one));
	items[0] = items[1]; /* twice */
	CHECK(!is_whole(items, 2 * one));
	items[0].number = -3;
	CHECK(!is_whole(items, one));
}

int main(void)
{
	TEST(test_found);
	TEST(test_opened);
	TEST(test_whole);
	return test_end();
}
