/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Making a page, and what each page is called.
 *
 * A page is a sealed memfd. While the daemon uses it, its descriptor, mapping and name stay. A process
 * may have the page mapped for longer, until it looks at the dead mark or ends, and a move that meets
 * such a mapping has to know what it was. The page itself says so. (A list of earlier pages would need a limit,
 * and a limit would make a quiet process immovable because others come and go.)
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "pages/exchange_table.h"
#include "wire/handover.h"
#include "os/inode.h"
#include "os/memfd.h"
#include "os/socket.h"

static const char *page_file_name(enum page_kind kind)
{
	switch (kind) {
	case PAGE_NODE_BELL:
		return "dvs-node-bell";
	case PAGE_BELL:
		return "dvs-bell";
	case PAGE_CHANNEL:
		return "dvs-channel";
	case PAGE_STATUS:
		return "dvs-status";
	case PAGE_NONE:
		break;
	}
	return "dvs-page";
}

static struct exchange_name **name_find(struct exchange *exchange, uint64_t ino)
{
	struct exchange_name **place = &exchange->by_ino[ino % EXCHANGE_BUCKETS];

	while (*place && (*place)->ino != ino)
		place = &(*place)->next_hash;
	return place;
}

static void name_free(struct exchange *exchange, struct exchange_name *name)
{
	assert(*name_find(exchange, name->ino) == name);
	*name_find(exchange, name->ino) = name->next_hash;
	os_kept_end(&name->in_state);
	free(name);
}

struct exchange_name *exchange_name_of(struct exchange *exchange, uint64_t ino)
{
	return *name_find(exchange, ino);
}

int exchange_name_add(struct exchange *exchange, int fd, dev_t dev, uint64_t ino,
		      const struct page_name *page)
{
	struct exchange_name **place = name_find(exchange, ino);
	struct exchange_name *name;

	/* The kernel gives a number again only when nobody maps the older file. */
	if (*place)
		name_free(exchange, *place);
	name = calloc(1, sizeof(*name));
	if (!name)
		return -ENOMEM;
	name->dev = dev;
	name->ino = ino;
	name->fd = fd;
	name->holder = BELL_DAEMON;
	name->name = *page;
	place = &exchange->by_ino[name->ino % EXCHANGE_BUCKETS];
	name->next_hash = *place;
	*place = name;
	os_kept_begin(&name->in_state, HANDOVER_PAGE);
	return 0;
}

static void blank_free(struct exchange_blank *blank)
{
	os_memfd_unmap(blank->page, SHM_PAGE_BYTES);
	os_close(blank->fd);
}

static int blank_make(enum page_kind kind, struct exchange_blank *blank)
{
	int r;

	*blank =
		(struct exchange_blank){ .fd = os_memfd_new(page_file_name(kind), SHM_PAGE_BYTES) };
	if (blank->fd < 0)
		return blank->fd;
	r = os_memfd_map(blank->fd, SHM_PAGE_BYTES, OS_MAP_NOFORK, &blank->page);
	if (!r)
		r = os_inode(blank->fd, &blank->inode);
	if (r)
		blank_free(blank);
	return r;
}

static struct exchange_blanks *blanks_of(struct exchange *exchange, enum page_kind kind)
{
	if (kind == PAGE_BELL)
		return &exchange->blank_bells;
	return kind == PAGE_STATUS ? &exchange->blank_statuses : NULL;
}

static void blanks_add(struct exchange *exchange, enum page_kind kind)
{
	struct exchange_blanks *blanks = blanks_of(exchange, kind);

	if (blanks->count == EXCHANGE_BLANKS || blank_make(kind, &blanks->at[blanks->count]) < 0)
		return;
	/* The kernel gives memory at the first touch. */
	*(volatile char *)blanks->at[blanks->count++].page = 0;
}

void exchange_foresee(struct exchange *exchange, int dcid, int p_nr)
{
	assert(exchange_slot_valid(dcid, p_nr));
	blanks_add(exchange, PAGE_STATUS);
	if (!exchange_bell_find(exchange, dcid, p_nr))
		blanks_add(exchange, PAGE_BELL);
}

void exchange_blanks_free(struct exchange *exchange)
{
	struct exchange_blanks *all[] = { &exchange->blank_bells, &exchange->blank_statuses };

	for (unsigned i = 0; i < 2; i++)
		while (all[i]->count)
			blank_free(&all[i]->at[--all[i]->count]);
	assert(!exchange->blank_bells.count);
	assert(!exchange->blank_statuses.count);
}

int exchange_page_new(struct exchange *exchange, const struct page_name *name, int *fdp,
		      void **pagep, uint64_t *inop)
{
	enum page_kind kind = (enum page_kind)name->kind;
	struct exchange_blanks *blanks = blanks_of(exchange, kind);
	struct exchange_blank blank;
	int r = 0;

	if (blanks && blanks->count)
		blank = blanks->at[--blanks->count];
	else
		r = blank_make(kind, &blank);
	if (r)
		return r;
	r = exchange_name_add(exchange, blank.fd, blank.inode.dev, blank.inode.ino, name);
	if (r) {
		blank_free(&blank);
		return r;
	}
	*fdp = blank.fd;
	*pagep = blank.page;
	*inop = blank.inode.ino;
	return 0;
}

void exchange_page_retire(struct exchange *exchange, int fd, void *page, uint64_t ino)
{
	os_memfd_unmap(page, SHM_PAGE_BYTES);
	os_close(fd);
	if (*name_find(exchange, ino))
		name_free(exchange, *name_find(exchange, ino));
}

bool exchange_identify(struct exchange *exchange, dev_t dev, ino_t ino, struct page_name *name)
{
	const struct exchange_name *found = *name_find(exchange, ino);

	if (!found || found->dev != dev)
		return false;
	*name = found->name;
	return true;
}

bool exchange_recall(int fd, struct page_name *name)
{
	union {
		struct status_page status;
		struct channel_page channel;
	} head;

	if (os_memfd_own_head(fd, SHM_PAGE_BYTES, &head, sizeof(head)) < 0)
		return false;
	*name = (struct page_name){ .kind = PAGE_STATUS, .over = 1 };
	if (head.status.magic == SHM_MAGIC_STATUS)
		return head.status.version == SHM_VERSION;
	name->kind = PAGE_CHANNEL;
	name->dcid = head.channel.dcid;
	for (int side = 0; side < 2; side++)
		name->endpoint[side] = head.channel.endpoint[side];
	name->p_nr = _ENDPOINT_P(name->endpoint[0]);
	name->peer_nr = _ENDPOINT_P(name->endpoint[1]);
	return head.channel.magic == SHM_MAGIC_CHANNEL && head.channel.version == SHM_VERSION &&
	       name->p_nr < name->peer_nr && exchange_slot_valid(name->dcid, name->p_nr) &&
	       exchange_slot_valid(name->dcid, name->peer_nr);
}
