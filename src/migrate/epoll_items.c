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

struct seen {
	struct os_epoll_item item;
	uint32_t at;
};

static int by_number(const void *a, const void *b)
{
	const struct seen *one = a, *other = b;
	int order =
		(one->item.number > other->item.number) - (one->item.number < other->item.number);

	return order ? order : (one->at > other->at) - (one->at < other->at);
}

/* The caller owns them. */
static struct seen *read_all(const char *info, uint32_t *count)
{
	struct seen *all = calloc(1, sizeof(*all));
	uint32_t capacity = 1;

	for (*count = 0; all && (info = os_epoll_next(info, &all[*count].item));) {
		all[*count].at = *count;
		if (++*count < capacity)
			continue;
		struct seen *bigger = realloc(all, (capacity *= 2) * sizeof(*all));

		if (!bigger)
			free(all);
		all = bigger;
	}
	return all;
}

int epoll_items_parse(struct epoll_items *items, const char *info)
{
	uint32_t count;
	struct seen *all = read_all(info, &count);

	*items = (struct epoll_items){ 0 };
	if (!all)
		return -ENOMEM;
	if (count) {
		qsort(all, count, sizeof(*all), by_number);
		items->item = calloc(count, sizeof(*items->item));
		items->inode = calloc(count, sizeof(*items->inode));
	}
	bool good = !count || (items->item && items->inode);

	for (; good && items->count < count; items->count++) {
		const struct os_epoll_item *seen = &all[items->count].item;

		items->item[items->count] = (struct epoll_item){ .data = seen->data,
								 .events = seen->events,
								 .number = seen->number };
		items->inode[items->count] = seen->inode;
	}
	free(all);
	return good ? 0 : -ENOMEM;
}

void epoll_items_free(struct epoll_items *items)
{
	free(items->item);
	free(items->inode);
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
