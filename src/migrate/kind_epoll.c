/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An epoll instance: the descriptors that it waits for, each with its events and its data word. An edge that was not
 * told yet is told on the target, and one that was told is not told again. The instance gets its items when all
 * descriptors are at their numbers (restore_epoll.c).
 */
#include "migrate/kind.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dvk/errors.h"
#include "migrate/epoll_items.h"
#include "os/epoll.h"
#include "os/kcmp.h"
#include "os/loop.h"
#include "os/open.h"
#include "os/pid.h"
#include "os/procdir.h"
#include "os/socket.h"

#define LINK "anon_inode:[eventpoll]"

static int find(const struct kind_seen *seen, struct image_description *image,
		struct refusal *refusal)
{
	(void)image, (void)refusal;
	return strcmp(seen->link, LINK) == 0;
}

/* ---- source ---- */

static int refuse_number(int epoll, int number, struct refusal *refusal)
{
	return refusal_set(
		refusal, EDVSPROCSTS,
		"the epoll instance of descriptor %d waits for descriptor %d, which the "
		"process has closed while what it stood for is still open in another "
		"process, or in a Unix socket: let it be taken out (EPOLL_CTL_DEL) before "
		"it is closed",
		epoll, number);
}

/* An item whose number was closed: the kernel compares it with each description that it may be of. */
static uint32_t find_left(const struct kind_frozen *frozen, int epoll,
			  const struct epoll_items *items, uint32_t index)
{
	const struct descriptions *all = frozen->descriptions;
	int number = items->item[index].number;
	unsigned skip = 0;

	while (skip < index && items->item[index - skip - 1].number == number)
		skip++;
	for (uint32_t i = 0; i < all->count; i++) {
		const struct description *one = &all->description[i];

		if (items->inode[index] && items->inode[index] != one->inode)
			continue;
		if (os_kcmp_epoll(one->pid, one->number, frozen->pid, epoll, number, skip) == 0)
			return descriptors_number_of(frozen->descriptors, one->image.id) < 0
				       ? 0
				       : one->image.id;
	}
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct epoll_item *one = a, *other = b;
	int order = (one->number > other->number) - (one->number < other->number);

	return order ? order
		     : (one->description > other->description) -
			       (one->description < other->description);
}

static int resolve_left(const struct kind_frozen *frozen, int epoll, struct epoll_items *items,
			struct refusal *refusal)
{
	for (uint32_t i = 0; i < items->count; i++) {
		struct epoll_item *item = &items->item[i];

		if (item->state & EPOLL_ITEM_LEFT)
			item->description = find_left(frozen, epoll, items, i);
		if (!item->description)
			return refuse_number(epoll, item->number, refusal);
		/* Of several with one number it may be the one that still stands for it. */
		if (item->state & EPOLL_ITEM_LEFT &&
		    descriptors_stand_for(frozen->descriptors, item->number) == item->description)
			item->state &= ~(uint32_t)EPOLL_ITEM_LEFT;
	}
	if (items->count)
		qsort(items->item, items->count, sizeof(*items->item), by_number);
	return 0;
}

/* Mostly each number stands once, and for the description that was added under it. */
static int resolve(const struct kind_frozen *frozen, int epoll, struct epoll_items *items,
		   struct refusal *refusal)
{
	for (uint32_t i = 0; i < items->count; i++) {
		struct epoll_item *item = &items->item[i];

		item->description = descriptors_stand_for(frozen->descriptors, item->number);
		if (!item->description || (i && item[-1].number == item->number) ||
		    (i + 1 < items->count && item[1].number == item->number))
			item->state = EPOLL_ITEM_LEFT;
		if (item->events & OS_EPOLL_WAKEUP)
			return refusal_set(refusal, EDVSPROCSTS,
					   "the epoll instance of descriptor %d keeps the machine "
					   "awake (EPOLLWAKEUP), which is not carried",
					   epoll);
	}
	int r = epoll_probe_numbers(frozen->calls, epoll, items);

	return r ? calls_refuse(frozen->calls, r, "the process", refusal)
		 : resolve_left(frozen, epoll, items, refusal);
}

static const struct kind *kind_at(const struct descriptions *descriptions,
				  const struct epoll_item *item)
{
	const struct description *description = descriptions_find(descriptions, item->description);

	assert(description);
	return description->kind;
}

/* One that has fired is made to fire on the target, for which there has to be something to be told. */
static int check_fired(const struct kind_frozen *frozen, int epoll, const struct epoll_items *items,
		       struct refusal *refusal)
{
	for (uint32_t i = 0; i < items->count; i++) {
		const struct epoll_item *item = &items->item[i];

		if (!epoll_item_has_fired(item) || kind_at(frozen->descriptions, item)->never_ends)
			continue;
		int fd = os_pid_descriptor(frozen->pid, descriptors_number_of(frozen->descriptors,
									      item->description));
		bool ready = fd >= 0 && os_poll(fd, OS_READ | OS_WRITE, 0) == 0;

		os_close(fd);
		if (!ready)
			return refusal_set(
				refusal, EDVSPROCSTS,
				"the epoll instance of descriptor %d has told of descriptor %d "
				"once (EPOLLONESHOT) and has nothing to tell of it now, which "
				"cannot be made on the target; try again",
				epoll, item->number);
	}
	return 0;
}

/*
 * To a thread that asks, a signalfd tells of the signals of that thread, so that nobody else can ask in its place: its
 * instance is left alone, and all edges are told again. So they are where an item has no number any more by which it
 * could be set.
 */
static bool has_edges(const struct descriptions *descriptions, const struct epoll_items *items)
{
	bool edges = false;

	for (uint32_t i = 0; i < items->count; i++) {
		if (items->item[i].state & EPOLL_ITEM_LEFT)
			return false;
		if (!epoll_item_tells_edges(&items->item[i]))
			continue;
		edges = true;
		if (kind_at(descriptions, &items->item[i])->tells_its_asker)
			return false;
	}
	return edges;
}

static int read_items(const struct kind_frozen *frozen, int epoll, struct epoll_items *items)
{
	struct procdir_text info = { 0 };
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", (int)frozen->pid, epoll);
	int r = procdir_read(OS_FOLDER_CURRENT, name, &info);

	if (r == 0)
		r = epoll_items_parse(items, info.text);
	procdir_text_free(&info);
	return r;
}

static int complete_items(const struct kind_frozen *frozen, int epoll, struct epoll_items *items,
			  struct refusal *refusal)
{
	int r = resolve(frozen, epoll, items, refusal);

	if (r == 0)
		r = check_fired(frozen, epoll, items, refusal);
	if (r || !has_edges(frozen->descriptions, items))
		return r;
	r = epoll_probe_edges(frozen->calls, epoll, items);
	if (r == -ENOMEM)
		return refusal_set(refusal, EDVSNOMEM, "out of memory");
	return r ? calls_refuse(frozen->calls, r, "the process", refusal) : 0;
}

static int complete(const struct kind_frozen *frozen, struct description *description,
		    struct refusal *refusal)
{
	struct epoll_items items = { 0 };
	int fd = os_pid_descriptor(frozen->pid, description->number);
	bool settings = fd >= 0 && os_epoll_has_settings(fd);
	int r = read_items(frozen, description->number, &items);

	os_close(fd);
	contents_free(&description->contents);
	if (settings)
		r = refusal_set(refusal, EDVSPROCSTS,
				"the epoll instance of descriptor %d polls busily (EPIOCSPARAMS), "
				"which is not carried",
				description->number);
	else if (r)
		r = refusal_set(refusal, EDVSPROCSTS,
				"the epoll instance of descriptor %d cannot be looked at: %s",
				description->number, strerror(-r));
	else
		r = complete_items(frozen, description->number, &items, refusal);
	if (r == 0 && epoll_items_put(&items, &description->contents))
		r = refusal_set(refusal, EDVSNOMEM,
				"there is no memory for what the epoll instance of descriptor %d "
				"waits for",
				description->number);
	epoll_items_free(&items);
	return r;
}

/* ---- target ---- */

static bool read_body(const struct image_description *image, const struct files *files,
		      const struct descriptions *before, bool complete)
{
	(void)image, (void)files, (void)before, (void)complete;
	return true; /* it has none */
}

static bool whole(const struct description *description, const struct descriptions *all,
		  const struct descriptors *descriptors)
{
	struct epoll_cursor cursor = { .contents = &description->contents };
	struct epoll_item item, last = { .number = -1 };

	(void)all;
	while (epoll_items_next(&cursor, &item)) {
		bool is_left = item.state & EPOLL_ITEM_LEFT;

		if (item.number < 0 || by_number(&item, &last) <= 0 ||
		    item.state & ~(uint32_t)EPOLL_ITEM_STATES || !item.description ||
		    descriptors_number_of(descriptors, item.description) < 0 ||
		    is_left ==
			    (descriptors_stand_for(descriptors, item.number) == item.description))
			return false;
		last = item;
	}
	return !cursor.left; /* the rest of a piece is no item */
}

static int open_here(struct restore *restore, struct description *description,
		     struct refusal *refusal)
{
	int fd = os_epoll_new();
	int r = fd < 0 ? fd : os_open_set_flags(fd, description->image.flags);

	(void)restore;
	if (r == 0)
		return fd;
	os_close(fd);
	return refusal_set(refusal, EDVSPROCSTS,
			   "the target cannot make an epoll instance of the process: %s",
			   strerror(-r));
}

const struct kind kind_epoll = {
	.name = "an epoll instance",
	.common = "is also open in",
	.remedy = "",
	.find = find,
	.write = complete,
	.is_last = true,
	.never_ends = true,
	.read = read_body,
	.whole = whole,
	.open = open_here,
	.join = restore_epoll,
	.shared = KIND_SHARE_DESCRIPTION,
};
