/* SPDX-License-Identifier: Apache-2.0 */
/* The calls by which an instance gets its items back, in their order. */
#include "migrate/epoll_items.h"

#include <sys/epoll.h>

#include "base/test.h"
#include "migrate/kind.h"
#include "migrate/restore_test.h"
#include "os/epoll.h"

#define EVENT 1
#define PIPE  2
#define INNER 3
#define OUTER 4

static void describe(uint32_t id, uint32_t kind, const struct epoll_item *items, uint32_t count)
{
	const struct image_description image = { .id = id, .kind = kind };
	struct description *description = descriptions_add(&restore->picture.tables->descriptions,
							   &image, kind_of(image.kind));

	description->number = (int)id + 10;
	if (count)
		CHECK_EQ(contents_append(&description->contents, items,
					 count * (uint32_t)sizeof(*items)),
			 0);
}

static struct epoll_item item_of(uint32_t description, uint32_t events, uint32_t told)
{
	return (struct epoll_item){ .data = description * 100ull,
				    .events = events,
				    .description = description,
				    .number = (int)description + 10,
				    .state = told };
}

/* The call adds the item of this description, with these events. */
static void check_add(uint32_t index, uint32_t epoll, uint32_t description, uint32_t events)
{
	const struct call *call = restore_call(index, SYS_epoll_ctl);
	const struct epoll_event *event = restore_data(call->arg[3]);

	CHECK(call->arg[0] == epoll + 10 && call->arg[1] == EPOLL_CTL_ADD &&
	      call->arg[2] == description + 10 && call->mode == CALL_EXACT && call->expect == 0);
	CHECK(event->events == events && event->data.u64 == description * 100ull);
}

static void test_order(void)
{
	const struct epoll_item items[] = {
		item_of(EVENT, OS_EPOLL_ONCE, 0), /* it has fired, and cannot tell of an end */
		item_of(PIPE, OS_EPOLL_ONCE, 0),
		item_of(INNER, OS_EPOLL_IN | OS_EPOLL_EDGE, 1),
	};
	const struct epoll_item inner[] = { item_of(EVENT, OS_EPOLL_IN | OS_EPOLL_EDGE, 0) };

	restore_begin();
	describe(EVENT, IMAGE_DESCRIPTION_EVENTFD, NULL, 0);
	describe(PIPE, IMAGE_DESCRIPTION_PIPE, NULL, 0);
	describe(INNER, IMAGE_DESCRIPTION_EPOLL, inner, 1);
	describe(OUTER, IMAGE_DESCRIPTION_EPOLL, items, 3);
	CHECK_EQ(restore_epoll(restore, &restore->picture.tables->descriptions.description[3],
			       &restore_refusal),
		 0);
	check_add(0, INNER, EVENT, OS_EPOLL_IN | OS_EPOLL_EDGE);
	check_add(1, OUTER, PIPE,
		  OS_EPOLL_ONCE | OS_EPOLL_IN | OS_EPOLL_OUT | OS_EPOLL_PRIORITY |
			  OS_EPOLL_PEER_HANGUP);
	const struct call *fires = restore_call(2, SYS_epoll_pwait);

	CHECK(fires->arg[0] == OUTER + 10 && fires->mode == CALL_EXACT && fires->expect == 1);
	check_add(3, OUTER, INNER, OS_EPOLL_IN | OS_EPOLL_EDGE);
	CHECK_EQ(restore_call(4, SYS_epoll_pwait)->mode, CALL_OK);
	check_add(5, OUTER, EVENT, OS_EPOLL_ONCE);
	CHECK_EQ(restore->calls.count, 6);
	/* It is joined already. */
	CHECK_EQ(restore_epoll(restore, &restore->picture.tables->descriptions.description[2],
			       &restore_refusal),
		 0);
	CHECK_EQ(restore->calls.count, 6);
	restore_end();
}

/* A number that was closed, and one that stands for something else now. */
static void test_left(void)
{
	struct epoll_item items[] = { item_of(EVENT, OS_EPOLL_IN, EPOLL_ITEM_LEFT),
				      item_of(EVENT, OS_EPOLL_IN, EPOLL_ITEM_LEFT) };
	const struct image_fd fds[] = { { .number = 11, .description = EVENT },
					{ .number = 12, .description = PIPE, .cloexec = 1 },
					{ .number = 14, .description = OUTER } };

	restore_begin();
	items[0].number = 12;
	items[1].number = 20;
	describe(EVENT, IMAGE_DESCRIPTION_EVENTFD, NULL, 0);
	describe(PIPE, IMAGE_DESCRIPTION_PIPE, NULL, 0);
	describe(OUTER, IMAGE_DESCRIPTION_EPOLL, items, 2);
	for (size_t i = 0; i < 3; i++)
		CHECK_EQ(descriptors_append(&restore->picture.descriptors, &fds[i]), 0);
	CHECK_EQ(restore_epoll(restore, &restore->picture.tables->descriptions.description[2],
			       &restore_refusal),
		 0);
	CHECK_EQ(restore_call(0, SYS_dup2)->arg[1], 15);
	CHECK(restore_call(1, SYS_dup2)->arg[0] == 11 && restore_call(1, SYS_dup2)->arg[1] == 12);
	CHECK_EQ(restore_call(2, SYS_epoll_ctl)->arg[2], 12);
	CHECK(restore_call(3, SYS_dup3)->arg[0] == 15 &&
	      restore_call(3, SYS_dup3)->arg[2] == O_CLOEXEC);
	CHECK_EQ(restore_call(4, SYS_close)->arg[0], 15);
	CHECK(restore_call(5, SYS_dup2)->arg[0] == 11 && restore_call(5, SYS_dup2)->arg[1] == 20);
	CHECK_EQ(restore_call(7, SYS_close)->arg[0], 20);
	CHECK_EQ(restore->calls.count, 8);
	restore_end();
}

/* From outside: instances that wait for each other, which the kernel refuses, come to an end here. */
static void test_circle(void)
{
	const struct epoll_item first[] = { item_of(2, OS_EPOLL_IN, 0) };
	const struct epoll_item second[] = { item_of(1, OS_EPOLL_IN, 0) };

	restore_begin();
	describe(1, IMAGE_DESCRIPTION_EPOLL, first, 1);
	describe(2, IMAGE_DESCRIPTION_EPOLL, second, 1);
	CHECK_EQ(restore_epoll(restore, &restore->picture.tables->descriptions.description[0],
			       &restore_refusal),
		 0);
	CHECK_EQ(restore->calls.count, 2);
	restore_end();
}

int main(void)
{
	TEST(test_order);
	TEST(test_left);
	TEST(test_circle);
	return test_end();
}
