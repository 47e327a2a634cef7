/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_PAGES_EXCHANGE_ADOPT_H
#define DVS_PAGES_EXCHANGE_ADOPT_H

/*
 * The pages of a daemon that executes its program anew: it lists them, and its successor, with the
 * same descriptors open, takes them over as they are. Their content is the processes', and says itself
 * who holds what; nothing in it changes.
 */

#include "pages/exchange.h"

/* A page. fd -1, as earlier programs wrote it: one that was over, of which nothing is kept. */
struct exchange_entry {
	struct page_name name;
	int fd; /* stays the exchange's */
	dev_t dev;
	uint64_t ino;
	uint64_t number; /* of its os_kept, which is of the kind HANDOVER_PAGE */
};

struct os_kept;
/* Of a page that has changed. */
void exchange_entry_of(const struct os_kept *in_state, struct exchange_entry *entry);

typedef void exchange_walk_fn(void *ctx, const struct exchange_entry *entry);
/* Every page, the node bell first. */
void exchange_walk(struct exchange *exchange, exchange_walk_fn *fn, void *ctx);

/* An exchange with no page at all, not even a node bell: the first entry has to bring it. */
int exchange_adopt_new(struct exchange **exchangep, int nodeid);
/* In the order of the walk; takes fd. 0 or negative errno: -EBADF: it is no page; -EEXIST. */
int exchange_adopt(struct exchange *exchange, const struct exchange_entry *entry);
/* The status page with this descriptor, or NULL. */
struct exchange_status *exchange_adopted_status(struct exchange *exchange, int fd);

#endif
