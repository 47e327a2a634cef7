/* SPDX-License-Identifier: Apache-2.0 */
#include "pages/exchange_adopt.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "pages/exchange_table.h"
#include "os/inode.h"
#include "os/memfd.h"
#include "os/socket.h"

/* ---- the list ---- */

void exchange_entry_of(const struct os_kept *in_state, struct exchange_entry *entry)
{
	const struct exchange_name *name = OS_KEPT_OWNER(in_state, const struct exchange_name);

	*entry = (struct exchange_entry){ .name = name->name,
					  .fd = name->fd,
					  .dev = name->dev,
					  .ino = name->ino,
					  .number = in_state->number };
	if (name->name.kind == PAGE_BELL)
		entry->name.peer_nr = (int32_t)name->holder;
}

static void tell(struct exchange *exchange, uint64_t ino, exchange_walk_fn *fn, void *ctx)
{
	const struct exchange_name *name = exchange_name_of(exchange, ino);
	struct exchange_entry entry;

	if (!name)
		return;
	exchange_entry_of(&name->in_state, &entry);
	fn(ctx, &entry);
}

static void walk_slot(struct exchange *exchange, int dcid, int index, exchange_walk_fn *fn,
		      void *ctx)
{
	const struct exchange_bell *bell = exchange->bell[dcid][index];
	const struct exchange_channel *at = exchange->first[dcid][index];
	int p_nr = index - SHM_TASKS;

	if (bell)
		tell(exchange, bell->ino, fn, ctx);
	for (; at; at = at->next_of[exchange_side(at, p_nr)])
		if (at->p_nr[0] == p_nr) /* it is in the list of its other side, too */
			tell(exchange, at->ino, fn, ctx);
}

void exchange_walk(struct exchange *exchange, exchange_walk_fn *fn, void *ctx)
{
	tell(exchange, exchange->node_ino, fn, ctx);
	for (int dcid = 0; dcid < SHM_DCS; dcid++)
		for (int index = 0; index < SHM_SLOTS; index++)
			walk_slot(exchange, dcid, index, fn, ctx);
	for (struct exchange_status *at = exchange->statuses; at; at = at->next)
		tell(exchange, at->ino, fn, ctx);
}

/* ---- taking over ---- */

int exchange_adopt_new(struct exchange **exchangep, int nodeid)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return -ENOMEM;
	exchange->nodeid = nodeid;
	exchange->node_fd = -1;
	*exchangep = exchange;
	return 0;
}

static int adopt_bell(struct exchange *exchange, const struct exchange_entry *entry, void *page)
{
	int dcid = entry->name.dcid, p_nr = entry->name.p_nr;
	struct exchange_bell *bell;

	assert(page);
	if (exchange->bell[dcid][shm_index(p_nr)])
		return -EEXIST;
	bell = calloc(1, sizeof(*bell));
	if (!bell)
		return -ENOMEM;
	*bell = (struct exchange_bell){ .fd = entry->fd,
					.page = page,
					.holder = entry->name.peer_nr == BELL_PROCESS ? BELL_PROCESS
										      : BELL_DAEMON,
					.dcid = dcid,
					.p_nr = p_nr,
					.ino = entry->ino,
					.named = exchange_name_of(exchange, entry->ino) };
	bell->named->holder = bell->holder;
	exchange->bell[dcid][shm_index(p_nr)] = bell;
	return 0;
}

static int adopt_channel(struct exchange *exchange, const struct exchange_entry *entry, void *page)
{
	const struct page_name *name = &entry->name;
	struct exchange_channel *channel;

	assert(page);
	if (name->p_nr >= name->peer_nr || !exchange_slot_valid(name->dcid, name->peer_nr))
		return -EBADF;
	if (exchange_find(exchange, name->dcid, name->p_nr, name->peer_nr))
		return -EEXIST;
	channel = calloc(1, sizeof(*channel));
	if (!channel)
		return -ENOMEM;
	/* The states that the other nodes were told are forgotten: the links are new and offer everything. */
	*channel = (struct exchange_channel){ .fd = entry->fd,
					      .page = page,
					      .dcid = name->dcid,
					      .p_nr = { name->p_nr, name->peer_nr },
					      .endpoint = { name->endpoint[0], name->endpoint[1] },
					      .ino = entry->ino };
	/* A message that was on its way may be at another node, which decides. */
	for (int side = 0; side < 2; side++) {
		uint64_t word = atomic_load(&channel->page->line[side].word);

		if (line_word_state(word) == LINE_SENT)
			channel->passed[side] = line_word_seq(word);
	}
	exchange_channel_link(exchange, channel);
	return 0;
}

static int adopt_status(struct exchange *exchange, const struct exchange_entry *entry, void *page)
{
	struct exchange_status **place = &exchange->statuses;
	struct exchange_status *status = calloc(1, sizeof(*status));

	assert(page);
	if (!status)
		return -ENOMEM;
	*status = (struct exchange_status){ .fd = entry->fd,
					    .page = page,
					    .dcid = entry->name.dcid,
					    .p_nr = entry->name.p_nr,
					    .ino = entry->ino };
	while (*place)
		place = &(*place)->next;
	*place = status;
	return 0;
}

static int adopt_node_bell(struct exchange *exchange, const struct exchange_entry *entry,
			   void *page)
{
	assert(page);
	if (exchange->node_bell)
		return -EEXIST;
	exchange->node_bell = page;
	exchange->node_fd = entry->fd;
	exchange->node_ino = entry->ino;
	exchange->costs = attention_costs_of(page);
	return 0;
}

static int adopt_mapped(struct exchange *exchange, const struct exchange_entry *entry, void *page)
{
	switch ((enum page_kind)entry->name.kind) {
	case PAGE_NODE_BELL:
		return adopt_node_bell(exchange, entry, page);
	case PAGE_BELL:
		return adopt_bell(exchange, entry, page);
	case PAGE_CHANNEL:
		return adopt_channel(exchange, entry, page);
	case PAGE_STATUS:
		return adopt_status(exchange, entry, page);
	case PAGE_NONE:
		break;
	}
	return -EBADF;
}

static int adopt_page(struct exchange *exchange, const struct exchange_entry *entry)
{
	struct os_inode inode;
	void *page = NULL;
	int r = os_inode(entry->fd, &inode);

	if (!r && (inode.ino != entry->ino || inode.dev != entry->dev))
		r = -EBADF; /* the number belongs to something else */
	if (!r)
		r = os_memfd_map(entry->fd, SHM_PAGE_BYTES, OS_MAP_NOFORK, &page);
	if (!r)
		r = exchange_name_add(exchange, entry->fd, entry->dev, entry->ino, &entry->name);
	if (!r)
		r = adopt_mapped(exchange, entry, page);
	if (r) {
		os_memfd_unmap(page, SHM_PAGE_BYTES);
		os_close(entry->fd);
	}
	return r;
}

int exchange_adopt(struct exchange *exchange, const struct exchange_entry *entry)
{
	if (!exchange_slot_valid(entry->name.dcid, entry->name.p_nr))
		return -EBADF;
	/* An earlier program also listed pages that were over; those say themselves what they were. */
	return entry->fd >= 0 ? adopt_page(exchange, entry) : 0;
}

struct exchange_status *exchange_adopted_status(struct exchange *exchange, int fd)
{
	struct exchange_status *at = exchange->statuses;

	while (at && at->fd != fd)
		at = at->next;
	return at;
}
