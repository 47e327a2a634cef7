/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_MIGRATE_EPOLL_ITEMS_H
#define DVS_MIGRATE_EPOLL_ITEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "migrate/calls.h"
#include "migrate/descriptions.h"

/* A descriptor that an epoll instance waits for. The contents of its description are these, by number. */
struct epoll_item {
	uint64_t data;
	uint32_t events;      /* enum os_epoll_event */
	uint32_t description; /* id */
	int32_t number;
	uint32_t state; /* enum epoll_item_state */
};

enum epoll_item_state {
	EPOLL_ITEM_TOLD = 1, /* of one that tells of edges: the last one was told */
	EPOLL_ITEM_LEFT =
		2, /* the process has closed the number, and has the description under another one */
	EPOLL_ITEM_STATES = 3,
};

struct epoll_items {
	struct epoll_item *item; /* owned */
	uint64_t *inode; /* source, owned: of the object that each of them waits for, or 0 */
	uint32_t count;
};

/* From fdinfo, sorted by number, those of one number as they stand there; numbers and events alone. 0 or -ENOMEM. */
int epoll_items_parse(struct epoll_items *items, const char *info);
void epoll_items_free(struct epoll_items *items);

/* Into the contents of the description, and the next one out of them; false: there is none. */
int epoll_items_put(const struct epoll_items *items, struct contents *contents);

struct epoll_cursor {
	const struct contents *contents;
	const uint8_t *piece;
	uint32_t at, left; /* where the next piece is; bytes of this one */
};
bool epoll_items_next(struct epoll_cursor *cursor, struct epoll_item *item);

/* Whether it waits for nothing, because it was to tell of one event and has done so. */
bool epoll_item_has_fired(const struct epoll_item *item);
bool epoll_item_tells_edges(const struct epoll_item *item);

/* Source: marks items with a number that was closed or stands for another description. 0 or a result of calls_run(). */
int epoll_probe_numbers(struct calls *calls, int epoll, struct epoll_items *items);

/*
 * Source: finds out which edges were not told yet, and leaves the instance as it was. Of items with one data word,
 * which the program cannot tell from each other, all edges count as not told if one is. 0, -ENOMEM, or a result of
 * calls_run().
 */
int epoll_probe_edges(struct calls *calls, int epoll, struct epoll_items *items);

/* Target: a fresh instance of the shell comes to wait for the items of the description. */
struct restore;
int restore_epoll(struct restore *restore, struct description *description,
		  struct refusal *refusal);

#endif
