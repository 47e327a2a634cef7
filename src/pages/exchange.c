/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The pages of one node: who makes them, what they are called, and how a bell is rung.
 *
 * A page is a sealed memfd. While the daemon uses it, its descriptor, mapping and name stay. A process
 * may have the page mapped for longer, until it looks at the dead mark or ends, and a move that meets
 * such a mapping has to know what it was. The page itself says so. (A list of what has been would need
 * a limit, and a limit would make a quiet process immovable because others come and go.)
 *
 * Ringing: news bit, then count, then a look at the holder and at whether he sleeps. The holder
 * counts on this order: announce sleep, look at seq, look at news, wait on seq. All of it is
 * sequentially consistent, so either the ringer sees the sleeper or the sleeper sees the news; the
 * same holds for a holder that has just changed, because whoever changes it looks at the news after.
 */

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "pages/exchange_table.h"
#include "os/futex.h"
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
	free(name);
}

int exchange_name_add(struct exchange *exchange, dev_t dev, uint64_t ino,
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
	name->name = *page;
	place = &exchange->by_ino[name->ino % EXCHANGE_BUCKETS];
	name->next_hash = *place;
	*place = name;
	return 0;
}

int exchange_page_new(struct exchange *exchange, const struct page_name *name, int *fdp,
		      void **pagep, uint64_t *inop)
{
	int fd = os_memfd_new(page_file_name((enum page_kind)name->kind), SHM_PAGE_BYTES);
	struct os_inode inode;
	void *page = NULL;
	int r;

	if (fd < 0)
		return fd;
	r = os_memfd_map(fd, SHM_PAGE_BYTES, OS_MAP_NOFORK, &page);
	if (!r)
		r = os_inode(fd, &inode);
	if (!r)
		r = exchange_name_add(exchange, inode.dev, inode.ino, name);
	if (r) {
		os_memfd_unmap(page, SHM_PAGE_BYTES);
		os_close(fd);
		return r;
	}
	*fdp = fd;
	*pagep = page;
	*inop = inode.ino;
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

static int node_bell_make(struct exchange *exchange)
{
	struct page_name name = { .kind = PAGE_NODE_BELL };
	void *page;
	int r = exchange_page_new(exchange, &name, &exchange->node_fd, &page, &exchange->node_ino);

	assert(!exchange->node_bell);
	if (r)
		return r;
	exchange->node_bell = page;
	exchange->node_bell->magic = SHM_MAGIC_NODE;
	exchange->node_bell->version = SHM_VERSION;
	exchange->node_bell->nodeid = exchange->nodeid;
	exchange_set_costs(exchange, ATTENTION_COSTS_DEFAULT);
	return 0;
}

int exchange_new(struct exchange **exchangep, int nodeid)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	int r;

	if (!exchange)
		return -ENOMEM;
	exchange->nodeid = nodeid;
	exchange->node_fd = -1;
	r = node_bell_make(exchange);
	if (r) {
		exchange_free(exchange);
		return r;
	}
	*exchangep = exchange;
	return 0;
}

static void bell_free(struct exchange *exchange, struct exchange_bell *bell)
{
	assert(exchange->bell[bell->dcid][shm_index(bell->p_nr)] == bell);
	exchange->bell[bell->dcid][shm_index(bell->p_nr)] = NULL;
	exchange_page_retire(exchange, bell->fd, bell->page, bell->ino);
	free(bell);
}

static void slots_free(struct exchange *exchange)
{
	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		for (int i = 0; i < SHM_SLOTS; i++) {
			while (exchange->first[dcid][i])
				exchange_channel_drop(exchange, exchange->first[dcid][i]);
			if (exchange->bell[dcid][i])
				bell_free(exchange, exchange->bell[dcid][i]);
			assert(!exchange->first[dcid][i]);
			assert(!exchange->bell[dcid][i]);
		}
	}
	for (unsigned i = 0; i < EXCHANGE_BUCKETS; i++)
		assert(!exchange->by_slots[i]);
}

struct exchange *exchange_free(struct exchange *exchange)
{
	if (!exchange)
		return NULL;
	slots_free(exchange);
	while (exchange->statuses)
		exchange_status_free(exchange, exchange->statuses);
	assert(!exchange->statuses);
	if (exchange->node_bell)
		exchange_page_retire(exchange, exchange->node_fd, exchange->node_bell,
				     exchange->node_ino);
	for (unsigned i = 0; i < EXCHANGE_BUCKETS; i++)
		assert(!exchange->by_ino[i]);
	free(exchange);
	return NULL;
}

struct node_bell *exchange_node_bell(struct exchange *exchange)
{
	return exchange->node_bell;
}

void exchange_set_costs(struct exchange *exchange, struct attention_costs costs)
{
	assert(exchange->node_bell);
	exchange->costs = attention_costs_checked(costs);
	attention_costs_publish(exchange->node_bell, exchange->costs);
}

const struct attention_costs *exchange_costs(const struct exchange *exchange)
{
	return &exchange->costs;
}

int exchange_node_bell_fd(const struct exchange *exchange)
{
	return exchange->node_fd;
}

struct exchange_bell *exchange_bell_find(struct exchange *exchange, int dcid, int p_nr)
{
	return exchange_slot_valid(dcid, p_nr) ? exchange->bell[dcid][shm_index(p_nr)] : NULL;
}

int exchange_bell(struct exchange *exchange, int dcid, int p_nr, struct exchange_bell **bellp)
{
	struct page_name name = { .kind = PAGE_BELL, .dcid = dcid, .p_nr = p_nr };
	struct exchange_bell *bell;
	void *page;
	int r;

	if (!exchange_slot_valid(dcid, p_nr))
		return -EINVAL;
	*bellp = exchange->bell[dcid][shm_index(p_nr)];
	if (*bellp)
		return 0;
	bell = calloc(1, sizeof(*bell));
	if (!bell)
		return -ENOMEM;
	r = exchange_page_new(exchange, &name, &bell->fd, &page, &bell->ino);
	if (r) {
		free(bell);
		return r;
	}
	bell->page = page;
	bell->dcid = dcid;
	bell->p_nr = p_nr;
	bell->page->magic = SHM_MAGIC_BELL;
	bell->page->version = SHM_VERSION;
	bell->page->dcid = dcid;
	bell->page->p_nr = p_nr;
	exchange_bell_hold(bell, BELL_DAEMON);
	exchange->bell[dcid][shm_index(p_nr)] = bell;
	*bellp = bell;
	return 0;
}

void exchange_bell_hold(struct exchange_bell *bell, enum bell_holder holder)
{
	uint32_t watched = atomic_exchange(&bell->page->watched, 0);

	assert(bell->page);
	bell->holder = holder;
	/* Partner: the ringer's look at the holder after its news; see above. */
	atomic_store(&bell->page->holder, holder);
	/* Its sender may have left a message without a ring, for a holder that is no more. */
	if (watched && watched <= SHM_SLOTS)
		atomic_fetch_or(&bell->page->news[(watched - 1) / 64],
				UINT64_C(1) << (watched - 1) % 64);
}

void exchange_bell_mend(struct exchange_bell *bell)
{
	assert(bell->page);
	if (atomic_load(&bell->page->holder) == bell->holder)
		return;
	exchange_bell_hold(bell, bell->holder);
	/* Who rang meanwhile rang the wrong one. */
	exchange_poke(bell);
}

static void futex_ring(_Atomic uint32_t *seq, _Atomic uint32_t *sleeping)
{
	atomic_fetch_add(seq, 1);
	/* Not cleared here: a ringer that dies between clearing and waking would lose the wake. */
	if (atomic_load(sleeping))
		os_futex_wake(seq, INT_MAX);
}

static void node_bell_ring(struct exchange *exchange, int dcid, int p_nr)
{
	unsigned bit = (unsigned)(dcid * SHM_SLOTS + shm_index(p_nr));

	assert(bit / 64 < SHM_NODE_NEWS_WORDS);
	atomic_fetch_or(&exchange->node_bell->news[bit / 64], UINT64_C(1) << bit % 64);
	futex_ring(&exchange->node_bell->seq, &exchange->node_bell->sleeping);
}

void exchange_ring(struct exchange *exchange, struct exchange_bell *bell, int from_nr)
{
	unsigned bit = (unsigned)shm_index(from_nr);

	assert(exchange_slot_valid(bell->dcid, bell->p_nr));
	if (bit >= SHM_SLOTS)
		return;
	atomic_fetch_or(&bell->page->news[bit / 64], UINT64_C(1) << bit % 64);
	futex_ring(&bell->page->seq, &bell->page->sleeping);
	if (bell->holder != BELL_PROCESS)
		node_bell_ring(exchange, bell->dcid, bell->p_nr);
}

void exchange_poke(struct exchange_bell *bell)
{
	futex_ring(&bell->page->seq, &bell->page->sleeping);
}

int exchange_status_new(struct exchange *exchange, int dcid, int p_nr,
			struct exchange_status **statusp)
{
	struct page_name name = { .kind = PAGE_STATUS, .dcid = dcid, .p_nr = p_nr };
	struct exchange_status *status;
	void *page;
	int r;

	if (!exchange_slot_valid(dcid, p_nr))
		return -EINVAL;
	status = calloc(1, sizeof(*status));
	if (!status)
		return -ENOMEM;
	r = exchange_page_new(exchange, &name, &status->fd, &page, &status->ino);
	if (r) {
		free(status);
		return r;
	}
	status->page = page;
	status->dcid = dcid;
	status->p_nr = p_nr;
	status->page->magic = SHM_MAGIC_STATUS;
	status->page->version = SHM_VERSION;
	status->page->dcid = dcid;
	status->page->p_nr = p_nr;
	status->next = exchange->statuses;
	exchange->statuses = status;
	exchange_show_peers(exchange, dcid, p_nr);
	exchange_bars_show(exchange, status->page);
	*statusp = status;
	return 0;
}

struct exchange_status *exchange_status_free(struct exchange *exchange,
					     struct exchange_status *status)
{
	struct exchange_status **place = &exchange->statuses;

	if (!status)
		return NULL;
	while (*place != status) {
		assert(*place);
		place = &(*place)->next;
	}
	*place = status->next;
	exchange_page_retire(exchange, status->fd, status->page, status->ino);
	free(status);
	return NULL;
}
