/* SPDX-License-Identifier: Apache-2.0 */
/* The items of an epoll instance, out of the kernel's text, into contents and out of them. */
#include "migrate/epoll_items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "os/epoll.h"

#define MANY 6000 /* in several pieces */

static void test_parsed(void)
{
	struct epoll_items items;

	CHECK_EQ(
		epoll_items_parse(
			&items,
			"pos:\t0\nflags:\t02\n"
			"tfd:        6 events: 40000000 data: ffffffffffffffff  pos:0 ino:40f sdev:10\n"
			"tfd:       -1 events: 1 data: 2\n"
			"tfd:        3 events: c0000000 data:                0  pos:0 ino:40f sdev:10\n"),
		0);
	CHECK_EQ(items.count, 3);
	CHECK(items.item[0].number == -1 && items.item[1].number == 3 && items.item[2].number == 6);
	CHECK(items.inode[0] == 0 && items.inode[1] == 0x40f);
	CHECK(items.item[2].data == UINT64_MAX && items.item[2].events == OS_EPOLL_ONCE);
	epoll_items_free(&items);
	CHECK_EQ(epoll_items_parse(&items, "pos:\t0\n"), 0);
	CHECK(items.count == 0 && !items.item);
}

static void test_contents(void)
{
	struct epoll_items items = { .item = calloc(MANY, sizeof(struct epoll_item)),
				     .count = MANY };
	struct contents contents = { 0 };
	struct epoll_cursor cursor = { .contents = &contents };
	struct epoll_item item;
	int next = 0;

	for (int i = 0; i < MANY; i++)
		items.item[i] = (struct epoll_item){ .number = i,
						     .data = (uint64_t)i << 40,
						     .state = EPOLL_ITEM_TOLD };
	CHECK(!epoll_items_next(&cursor, &item));
	CHECK_EQ(epoll_items_put(&items, &contents), 0);
	cursor = (struct epoll_cursor){ .contents = &contents };
	for (; epoll_items_next(&cursor, &item); next++)
		CHECK(memcmp(&item, &items.item[next], sizeof(item)) == 0);
	CHECK(next == MANY && !cursor.left);
	contents_free(&contents);
	CHECK_EQ(contents_append(&contents, items.item, sizeof(item) + 1), 0); /* from outside */
	cursor = (struct epoll_cursor){ .contents = &contents };
	CHECK(epoll_items_next(&cursor, &item) && !epoll_items_next(&cursor, &item) &&
	      cursor.left == 1);
	contents_free(&contents);
	epoll_items_free(&items);
}

static void test_manners(void)
{
	static const struct {
		uint32_t events;
		bool fired, edges;
	} cases[] = {
		{ OS_EPOLL_IN, false, false },
		{ OS_EPOLL_IN | OS_EPOLL_EDGE, false, true },
		{ OS_EPOLL_IN | OS_EPOLL_EDGE | OS_EPOLL_ONCE, false, false },
		{ OS_EPOLL_EDGE | OS_EPOLL_ONCE, true, false },
		{ OS_EPOLL_ONCE, true, false },
		{ OS_EPOLL_IN | OS_EPOLL_EDGE | OS_EPOLL_EXCLUSIVE, false, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct epoll_item item = { .events = cases[i].events };

		CHECK_EQ(epoll_item_has_fired(&item), cases[i].fired);
		CHECK_EQ(epoll_item_tells_edges(&item), cases[i].edges);
	}
}

int main(void)
{
	TEST(test_parsed);
	TEST(test_contents);
	TEST(test_manners);
	return test_end();
}
