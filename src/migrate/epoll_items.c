/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/epoll_items.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/epoll.h"
#include "wire/image.h"

#define ITEM_BYTES  ((uint32_t)sizeof(struct epoll_item))
#define PIECE_ITEMS (IMAGE_CONTENTS_BYTES_MAX / ITEM_BYTES)

static int by_number(const void *a, const void *b)
{
	const struct epoll_item *one = a, *other = b;

	return (one->number > other->number) - (one->number < other->number);
}

int epoll_items_parse(struct epoll_items *items, const char *info)
{
	struct os_epoll_item seen;
	uint32_t capacity = 0;

	*items = (struct epoll_items){ 0 };
	for (const char *at = info; (at = os_epoll_next(at, &seen));) {
		if (items->count == capacity) {
			capacity = capacity ? capacity * 2 : 16;
			struct epoll_item *bigger =
				realloc(items->item, capacity * sizeof(*items->item));

			if (!bigger)
				return -ENOMEM;
			items->item = bigger;
		}
		assert(items->count < capacity);
		items->item[items->count++] = (struct epoll_item){ .data = seen.data,
								   .events = seen.events,
								   .number = seen.number };
	}
	if (items->count)
		qsort(items->item, items->count, sizeof(*items->item), by_number);
	return 0;
}

void epoll_items_free(struct epoll_items *items)
{
	free(items->item);
	*items = (struct epoll_items){ 0 };
}

int epoll_items_put(const struct epoll_items *items, struct contents *contents)
{
	int r = 0;

	assert(!contents->length);
	for (uint32_t at = 0; at < items->count && r == 0; at += PIECE_ITEMS) {
		uint32_t count = items->count - at < PIECE_ITEMS ? items->count - at : PIECE_ITEMS;

		r = contents_append(contents, &items->item[at], count * ITEM_BYTES);
	}
	return r;
}

bool epoll_items_next(struct epoll_cursor *cursor, struct epoll_item *item)
{
	if (!cursor->left)
		cursor->piece = contents_next(cursor->contents, &cursor->at, &cursor->left);
	if (!cursor->piece || cursor->left < ITEM_BYTES)
		return false;
	memcpy(item, cursor->piece, sizeof(*item));
	cursor->piece += ITEM_BYTES;
	cursor->left -= ITEM_BYTES;
	return true;
}

bool epoll_item_has_fired(const struct epoll_item *item)
{
	return !(item->events & ~OS_EPOLL_MANNER);
}

bool epoll_item_tells_edges(const struct epoll_item *item)
{
	return item->events & OS_EPOLL_EDGE && !(item->events & OS_EPOLL_ONCE) &&
	       !epoll_item_has_fired(item);
}
