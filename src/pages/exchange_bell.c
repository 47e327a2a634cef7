/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Bells: made when they are first needed, and rung.
 *
 * Ringing: news bit, then count, then a look at the holder and at whether he sleeps. The holder
 * counts on this order: announce sleep, look at seq, look at news, wait on seq. All of it is
 * sequentially consistent, so either the ringer sees the sleeper or the sleeper sees the news; the
 * same holds for a holder that has just changed, because the one that changes it looks at the news after.
 */

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "pages/exchange_table.h"
#include "os/futex.h"

void exchange_bell_free(struct exchange *exchange, struct exchange_bell *bell)
{
	assert(exchange->bell[bell->dcid][shm_index(bell->p_nr)] == bell);
	exchange->bell[bell->dcid][shm_index(bell->p_nr)] = NULL;
	exchange_page_retire(exchange, bell->fd, bell->page, bell->ino);
	free(bell);
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
	bell->named = exchange_name_of(exchange, bell->ino);
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
	bell->holder = bell->named->holder = holder;
	os_kept_note(&bell->named->in_state);
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
	/* A sender that rang meanwhile rang the wrong one. */
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
