/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The live channels, one per pair of slots that talk. Found by the pair through a hash, and by one
 * of the two through the slot's list; a channel is in two lists, one per side.
 *
 *	first[dc][3] -> (3,7) -> (1,3) -> NULL          by next_of[side of slot 3]
 *	first[dc][7] -> (3,7) -> NULL
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/hash.h"
#include "core/channel.h"
#include "pages/exchange_table.h"
#include "os/socket.h"

int exchange_side(const struct exchange_channel *channel, int p_nr)
{
	assert(channel->p_nr[0] == p_nr || channel->p_nr[1] == p_nr);
	return channel->p_nr[0] == p_nr ? 0 : 1;
}

static struct exchange_channel **bucket(struct exchange *exchange, int dcid, int nr_0, int nr_1)
{
	uint64_t key = ((uint64_t)dcid << 16) | ((uint64_t)shm_index(nr_0) << 8) |
		       (uint64_t)shm_index(nr_1);

	assert(nr_0 <= nr_1);
	return &exchange->by_slots[hash_word(HASH_SEED, key) % EXCHANGE_BUCKETS];
}

struct exchange_channel *exchange_find(struct exchange *exchange, int dcid, int nr_a, int nr_b)
{
	int nr_0 = nr_a < nr_b ? nr_a : nr_b;
	int nr_1 = nr_a < nr_b ? nr_b : nr_a;
	struct exchange_channel *at;

	if (!exchange_slot_valid(dcid, nr_a) || !exchange_slot_valid(dcid, nr_b))
		return NULL;
	at = *bucket(exchange, dcid, nr_0, nr_1);
	while (at && (at->dcid != dcid || at->p_nr[0] != nr_0 || at->p_nr[1] != nr_1))
		at = at->next_hash;
	return at;
}

unsigned exchange_channels(const struct exchange *exchange, int dcid)
{
	return dcid >= 0 && dcid < SHM_DCS ? exchange->channels[dcid] : 0;
}

struct exchange_channel *exchange_next(struct exchange *exchange, int dcid, int p_nr,
				       struct exchange_channel *after)
{
	if (after)
		return after->next_of[exchange_side(after, p_nr)];
	return exchange_slot_valid(dcid, p_nr) ? exchange->first[dcid][shm_index(p_nr)] : NULL;
}

void exchange_channel_link(struct exchange *exchange, struct exchange_channel *channel)
{
	struct exchange_channel **place =
		bucket(exchange, channel->dcid, channel->p_nr[0], channel->p_nr[1]);

	assert(channel->p_nr[0] < channel->p_nr[1]);
	assert(!exchange_find(exchange, channel->dcid, channel->p_nr[0], channel->p_nr[1]));
	channel->next_hash = *place;
	*place = channel;
	exchange->channels[channel->dcid]++;
	for (int side = 0; side < 2; side++) {
		place = &exchange->first[channel->dcid][shm_index(channel->p_nr[side])];
		channel->next_of[side] = *place;
		*place = channel;
	}
}

static void channel_unlink(struct exchange *exchange, struct exchange_channel *channel)
{
	struct exchange_channel **place =
		bucket(exchange, channel->dcid, channel->p_nr[0], channel->p_nr[1]);

	while (*place != channel) {
		assert(*place);
		place = &(*place)->next_hash;
	}
	*place = channel->next_hash;
	assert(exchange->channels[channel->dcid]);
	exchange->channels[channel->dcid]--;
	for (int side = 0; side < 2; side++) {
		int p_nr = channel->p_nr[side];

		place = &exchange->first[channel->dcid][shm_index(p_nr)];
		while (*place != channel)
			place = &(*place)->next_of[exchange_side(*place, p_nr)];
		*place = channel->next_of[side];
	}
}

void exchange_channel_drop(struct exchange *exchange, struct exchange_channel *channel)
{
	channel_unlink(exchange, channel);
	for (int side = 0; side < 2; side++)
		exchange_show_peers(exchange, channel->dcid, channel->p_nr[side]);
	exchange_page_retire(exchange, channel->fd, channel->page, channel->ino);
	free(channel);
}

static int32_t holder_node(struct exchange *exchange, int dcid, int p_nr)
{
	struct exchange_bell *bell = exchange_bell_find(exchange, dcid, p_nr);

	return bell && bell->holder == BELL_PROCESS ? exchange->nodeid : -1;
}

static void page_fill(struct exchange *exchange, struct channel_page *page, int dcid,
		      const int32_t endpoint[2])
{
	page->magic = SHM_MAGIC_CHANNEL;
	page->version = SHM_VERSION;
	page->dcid = dcid;
	for (int side = 0; side < 2; side++) {
		page->endpoint[side] = endpoint[side];
		atomic_store(&page->node[side],
			     holder_node(exchange, dcid, _ENDPOINT_P(endpoint[side])));
	}
}

int exchange_remnant(struct exchange *exchange, const struct page_name *name)
{
	struct channel_page *page;
	void *at;
	uint64_t ino;
	int fd, copy;
	int r;

	for (int side = 0; side < 2; side++) {
		if (!exchange_slot_valid(name->dcid, _ENDPOINT_P(name->endpoint[side])))
			return -EINVAL;
	}
	r = exchange_page_new(exchange, name, &fd, &at, &ino);
	if (r)
		return r;
	page = at;
	page_fill(exchange, page, name->dcid, name->endpoint);
	atomic_store(&page->dead, 3);
	copy = os_dup(fd);
	exchange_page_retire(exchange, fd, at, ino);
	return copy;
}

void exchange_show_peers(struct exchange *exchange, int dcid, int p_nr)
{
	struct exchange_channel *channel = NULL;
	uint64_t peers[SHM_NEWS_WORDS] = { 0 };

	while ((channel = exchange_next(exchange, dcid, p_nr, channel)))
		bits_set(peers,
			 (unsigned)shm_index(channel->p_nr[1 - exchange_side(channel, p_nr)]));
	for (struct exchange_status *at = exchange->statuses; at; at = at->next) {
		if (at->dcid != dcid || at->p_nr != p_nr)
			continue;
		for (int i = 0; i < SHM_NEWS_WORDS; i++)
			atomic_store(&at->page->peers[i], peers[i]);
	}
}

static int channel_make(struct exchange *exchange, int dcid, const int endpoint[2],
			struct exchange_channel **channelp)
{
	struct exchange_channel *channel = calloc(1, sizeof(*channel));
	struct page_name name = { .kind = PAGE_CHANNEL, .dcid = dcid };
	void *page;
	int r;

	if (!channel)
		return -ENOMEM;
	channel->dcid = dcid;
	for (int side = 0; side < 2; side++) {
		channel->endpoint[side] = endpoint[side];
		channel->p_nr[side] = _ENDPOINT_P(endpoint[side]);
		name.endpoint[side] = endpoint[side];
	}
	name.p_nr = channel->p_nr[0];
	name.peer_nr = channel->p_nr[1];
	assert(channel->p_nr[0] < channel->p_nr[1]);
	r = exchange_page_new(exchange, &name, &channel->fd, &page, &channel->ino);
	if (r) {
		free(channel);
		return r;
	}
	channel->page = page;
	page_fill(exchange, page, dcid, endpoint);
	exchange_channel_link(exchange, channel);
	for (int side = 0; side < 2; side++)
		exchange_show_peers(exchange, dcid, channel->p_nr[side]);
	*channelp = channel;
	return 0;
}

static void show_ended(struct exchange *exchange, const struct exchange_channel *channel,
		       int dead_side)
{
	int survivor = channel->p_nr[1 - dead_side];
	unsigned index = (unsigned)shm_index(channel->p_nr[dead_side]);
	uint32_t mark = (uint32_t)_ENDPOINT_G(channel->endpoint[dead_side]) + 1;

	for (struct exchange_status *at = exchange->statuses; at; at = at->next)
		if (at->dcid == channel->dcid && at->p_nr == survivor &&
		    atomic_load(&at->page->ended[index]) < mark)
			atomic_store(&at->page->ended[index], mark);
}

void exchange_ring_peer(struct exchange *exchange, const struct exchange_channel *channel, int side)
{
	struct exchange_bell *bell =
		exchange_bell_find(exchange, channel->dcid, channel->p_nr[1 - side]);

	if (bell)
		exchange_ring(exchange, bell, channel->p_nr[side]);
}

void exchange_channel_end(struct exchange *exchange, struct exchange_channel *channel,
			  int dead_side)
{
	assert(dead_side == 0 || dead_side == 1);
	channel_end(channel->page, dead_side);
	show_ended(exchange, channel, dead_side);
	exchange_ring_peer(exchange, channel, dead_side);
}

/* 0 if the channel is the one asked for, -ESTALE if it is newer; ends it and returns 1 if older. */
static int channel_outdated(struct exchange *exchange, struct exchange_channel *channel,
			    const int endpoint[2])
{
	int older[2];

	for (int side = 0; side < 2; side++) {
		older[side] = _ENDPOINT_G(channel->endpoint[side]) < _ENDPOINT_G(endpoint[side]);
		if (!older[side] && channel->endpoint[side] != endpoint[side])
			return -ESTALE;
	}
	for (int side = 0; side < 2; side++) {
		if (older[side])
			exchange_channel_end(exchange, channel, side);
	}
	return older[0] || older[1];
}

int exchange_channel(struct exchange *exchange, int dcid, int own_endpoint, int peer_endpoint,
		     struct exchange_channel **channelp)
{
	int own_nr = _ENDPOINT_P(own_endpoint);
	int peer_nr = _ENDPOINT_P(peer_endpoint);
	int own_side = shm_side(own_nr, peer_nr);
	struct exchange_channel *channel;
	int endpoint[2];
	int r;

	if (!exchange_slot_valid(dcid, own_nr) || !exchange_slot_valid(dcid, peer_nr) ||
	    own_nr == peer_nr)
		return -EINVAL;
	endpoint[own_side] = own_endpoint;
	endpoint[1 - own_side] = peer_endpoint;
	channel = exchange_find(exchange, dcid, own_nr, peer_nr);
	if (channel) {
		r = channel_outdated(exchange, channel, endpoint);
		if (r <= 0) {
			*channelp = channel;
			return r;
		}
		exchange_channel_drop(exchange, channel);
	}
	return channel_make(exchange, dcid, endpoint, channelp);
}
