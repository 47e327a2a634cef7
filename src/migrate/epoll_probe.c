/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two questions about an epoll instance that fdinfo leaves open, and that the frozen process can be made to ask.
 * Does a descriptor's number still stand for the description that was added under it? The question changes nothing:
 * the kernel refuses to add an item twice. Which edges has nobody been told of yet? The events are taken, and each is
 * put back by setting its item to its own value, which makes the kernel look at it again.
 */
#include "migrate/epoll_items.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/epoll.h"
#include "os/kernel.h"

#define BATCH	   256u	 /* questions at a time, whose answers are looked at together */
#define EVENTS_MAX 4096u /* taken at a time */
#define MASK_BYTES 8

/* Those that were added are taken out again. */
static int look_at_answers(struct calls *calls, int epoll, struct epoll_item *item,
			   const uint32_t *call, uint32_t count)
{
	int undo[BATCH];
	uint32_t added = 0;

	assert(count <= BATCH);
	for (uint32_t i = 0; i < count; i++) {
		int64_t result =
			item[i].state & EPOLL_ITEM_LEFT ? -EEXIST : calls_result(calls, call[i]);

		if (result != -EEXIST)
			item[i].state |= EPOLL_ITEM_LEFT;
		if (result == 0)
			undo[added++] = item[i].number;
	}
	if (!added)
		return 0;
	calls_room(calls, added, 0);
	for (uint32_t i = 0; i < added; i++)
		calls_add(calls, "leave its epoll as it was", CALL_OK, SYS_epoll_ctl,
			  (uint64_t)epoll, EPOLL_CTL_DEL, (uint64_t)undo[i], 0);
	return calls_run(calls);
}

int epoll_probe_numbers(struct calls *calls, int epoll, struct epoll_items *items)
{
	const struct epoll_event nothing = { 0 };

	assert(epoll >= 0);
	for (uint32_t at = 0; at < items->count; at += BATCH) {
		uint32_t count = items->count - at < BATCH ? items->count - at : BATCH;
		uint32_t call[BATCH];

		calls_room(calls, count, sizeof(nothing));
		struct remote_ptr event = calls_put(calls, &nothing, sizeof(nothing));

		for (uint32_t i = 0; i < count; i++)
			if (!(items->item[at + i].state & EPOLL_ITEM_LEFT))
				call[i] =
					calls_add(calls, "ask its epoll for a descriptor", CALL_ANY,
						  SYS_epoll_ctl, (uint64_t)epoll, EPOLL_CTL_ADD,
						  (uint64_t)items->item[at + i].number, event.at);
		int r = calls_run(calls);

		if (r == 0)
			r = look_at_answers(calls, epoll, &items->item[at], call, count);
		if (r)
			return r;
	}
	return 0;
}

/* Items in the order of their data words. */
struct words {
	struct epoll_item **item; /* owned */
	bool *taken;		  /* owned; by the same index */
	uint32_t count;
};

static int by_data(const void *a, const void *b)
{
	struct epoll_item *const *one = a, *const *other = b;

	return ((*one)->data > (*other)->data) - ((*one)->data < (*other)->data);
}

static int words_init(struct words *words, struct epoll_items *items)
{
	words->count = items->count;
	words->item = calloc(items->count, sizeof(*words->item));
	words->taken = calloc(items->count, sizeof(*words->taken));
	if (!words->item || !words->taken)
		return -ENOMEM;
	for (uint32_t i = 0; i < items->count; i++)
		words->item[i] = &items->item[i];
	qsort(words->item, words->count, sizeof(struct epoll_item *), by_data);
	return 0;
}

static void words_take(struct words *words, uint64_t data)
{
	uint32_t low = 0, high = words->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (words->item[middle]->data < data)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < words->count && words->item[low]->data == data; low++)
		words->taken[low] = true;
}

/* Those that are told of as long as they last come again, behind the ones that were not looked at yet. */
static int take(struct calls *calls, int epoll, struct words *words)
{
	int64_t got = 1;

	for (uint32_t done = 0; done <= words->count && got > 0; done += EVENTS_MAX) {
		uint32_t wanted = words->count < EVENTS_MAX ? words->count : EVENTS_MAX;
		size_t bytes = wanted * sizeof(struct epoll_event);

		calls_room(calls, 1, bytes);
		struct remote_ptr space = calls_space(calls, bytes);
		uint32_t index =
			calls_add(calls, "take the events of its epoll", CALL_OK, SYS_epoll_pwait,
				  (uint64_t)epoll, space.at, wanted, 0, 0, MASK_BYTES);
		int r = calls_run(calls);

		if (r)
			return r;
		const struct epoll_event *event = calls_at(calls, space);

		got = calls_result(calls, index);
		for (int64_t i = 0; i < got && i < wanted; i++)
			words_take(words, event[i].data.u64);
	}
	return 0;
}

static void put_back(struct calls *calls, int epoll, const struct epoll_item *item)
{
	const struct epoll_event event = { .events = item->events, .data.u64 = item->data };
	bool exclusive =
		item->events & OS_EPOLL_EXCLUSIVE; /* the kernel lets nobody set that one */

	calls_room(calls, 2, sizeof(event));
	struct remote_ptr address = calls_put(calls, &event, sizeof(event));

	if (exclusive)
		calls_add(calls, "leave its epoll as it was", CALL_OK, SYS_epoll_ctl,
			  (uint64_t)epoll, EPOLL_CTL_DEL, (uint64_t)item->number, address.at);
	calls_add(calls, "leave its epoll as it was", CALL_OK, SYS_epoll_ctl, (uint64_t)epoll,
		  exclusive ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, (uint64_t)item->number, address.at);
}

static int put_all_back(struct calls *calls, int epoll, const struct words *words)
{
	bool any = false;

	for (uint32_t i = 0; i < words->count; i++) {
		struct epoll_item *item = words->item[i];

		item->state =
			epoll_item_tells_edges(item) && !words->taken[i] ? EPOLL_ITEM_TOLD : 0;
		if (!words->taken[i] || epoll_item_has_fired(item) ||
		    !(item->events & (OS_EPOLL_EDGE | OS_EPOLL_ONCE)))
			continue;
		put_back(calls, epoll, item);
		any = true;
	}
	return any ? calls_run(calls) : 0;
}

int epoll_probe_edges(struct calls *calls, int epoll, struct epoll_items *items)
{
	struct words words = { 0 };

	assert(items->count);
	int r = words_init(&words, items);

	if (r == 0) {
		r = take(calls, epoll, &words);
		int back = put_all_back(calls, epoll, &words);

		r = r ? r : back;
	}
	free(words.item);
	free(words.taken);
	return r;
}
