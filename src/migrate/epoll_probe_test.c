/* SPDX-License-Identifier: Apache-2.0 */
/* A child with epoll instances is held and asked; the questions leave no trace. */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/test.h"
#include "migrate/epoll_items.h"
#include "migrate/held_test.h"
#include "os/procdir.h"

#define EPOLL 100
enum {
	TOLD = 101,
	PENDING,
	LEVEL,
	ARMED,
	FIRED,
	EXCLUSIVE,
	TWIN,
	OTHER_TWIN,
	SHARED,
	END
};

static int at(int fd, int number)
{
	int r = dup2(fd, number);

	close(fd);
	return r;
}

static void wait_for(int number, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	if (epoll_ctl(EPOLL, EPOLL_CTL_ADD, number, &event))
		_exit(1);
}

static void counters(void)
{
	at(epoll_create1(0), EPOLL);
	for (int number = TOLD; number < END; number++)
		at(eventfd(1, 0), number);
}

static void take(void)
{
	struct epoll_event event;

	if (epoll_wait(EPOLL, &event, 1, 0) != 1)
		_exit(1);
}

static void with_edges(void)
{
	counters();
	wait_for(TOLD, EPOLLIN | EPOLLET, TOLD);
	take();
	wait_for(FIRED, EPOLLIN | EPOLLONESHOT, FIRED);
	take();
	wait_for(TWIN, EPOLLIN | EPOLLET, 7);
	take();
	wait_for(PENDING, EPOLLIN | EPOLLET, PENDING);
	wait_for(LEVEL, EPOLLIN, LEVEL);
	wait_for(ARMED, EPOLLIN | EPOLLONESHOT, ARMED);
	wait_for(EXCLUSIVE, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, EXCLUSIVE);
	wait_for(SHARED, EPOLLIN | EPOLLET, 8);
	wait_for(OTHER_TWIN, EPOLLIN, 8);
	held_stay();
}

static bool read_items(const struct held *held, struct epoll_items *items)
{
	struct procdir_text info = { 0 };
	int r = procdir_read(held->inventory.dir, "fdinfo/100", &info);

	CHECK_EQ(r, 0);
	if (r == 0)
		r = epoll_items_parse(items, info.text);
	procdir_text_free(&info);
	return r == 0;
}

/* Asked again and again, it answers the same. */
static void test_edges(void)
{
	struct held held;

	if (!held_begin(&held, with_edges))
		return;
	for (int round = 0; round < 4; round++) {
		struct epoll_items items;

		CHECK_OR_RETURN(read_items(&held, &items));
		CHECK_EQ(items.count, END - TOLD);
		CHECK_EQ(epoll_probe_numbers(&held.calls, EPOLL, &items), 0);
		for (uint32_t i = 0; i < items.count; i++)
			CHECK(!items.item[i].state);
		CHECK_EQ(epoll_probe_edges(&held.calls, EPOLL, &items), 0);
		for (uint32_t i = 0; i < items.count; i++) {
			int number = items.item[i].number;

			CHECK_EQ(items.item[i].state, number == TOLD || number == TWIN);
		}
		CHECK(epoll_item_has_fired(&items.item[FIRED - TOLD]));
		CHECK(!epoll_item_has_fired(&items.item[ARMED - TOLD]));
		epoll_items_free(&items);
	}
	held_end(&held);
}

static void replaced(void)
{
	counters();
	wait_for(TOLD, EPOLLIN, 1);
	wait_for(PENDING, EPOLLIN, 2);
	if (dup(PENDING) < 0 || dup2(LEVEL, PENDING) < 0)
		_exit(1);
	held_stay();
}

static void test_numbers(void)
{
	struct held held;

	if (!held_begin(&held, replaced))
		return;
	for (int round = 0; round < 2; round++) {
		struct epoll_items items;

		CHECK_OR_RETURN(read_items(&held, &items));
		CHECK_EQ(items.count, 2);
		CHECK_EQ(epoll_probe_numbers(&held.calls, EPOLL, &items), 0);
		CHECK(!items.item[0].state && items.item[1].state == EPOLL_ITEM_LEFT);
		epoll_items_free(&items);
	}
	held_end(&held);
}

static void many(void)
{
	at(epoll_create1(0), EPOLL);
	for (int i = 0; i < 700; i++) {
		int fd = eventfd(1, 0);

		wait_for(fd, i % 2 ? EPOLLIN : EPOLLIN | EPOLLET, (uint64_t)fd);
	}
	held_stay();
}

/* More than are asked for at a time. */
static void test_many(void)
{
	struct epoll_items items;
	struct held held;

	if (!held_begin(&held, many))
		return;
	CHECK_OR_RETURN(read_items(&held, &items));
	CHECK_EQ(epoll_probe_numbers(&held.calls, EPOLL, &items), 0);
	CHECK_EQ(items.count, 700);
	CHECK_EQ(epoll_probe_edges(&held.calls, EPOLL, &items), 0);
	for (uint32_t i = 0; i < items.count; i++)
		CHECK_EQ(items.item[i].state, 0);
	epoll_items_free(&items);
	held_end(&held);
}

int main(void)
{
	TEST(test_edges);
	TEST(test_numbers);
	TEST(test_many);
	return test_end();
}
