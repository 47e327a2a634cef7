/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lines that go out. The state that was last told is kept in the channel, so there is no queue of changes: a
 * line is encoded as it is when there is room for it, and ten changes while the other side was slow are one
 * frame. A slot whose channels could not be encoded is marked and looked at later.
 *
 *	own line     made SENT first, so that nothing leaves which its owner may take back by himself
 *	their line   only once its message is taken or ended: that is what its owner waits for
 *
 * Not every change is waited for. That a request was taken matters to nobody before it is answered,
 * and that an answer was taken to nobody before the next one: such news waits for a frame of the
 * same channel that goes anyway, and only for a short while, so that a remote call costs one write
 * each way and wakes nobody in between. A receiver that takes a request or an answer does not even ring: the
 * daemon looks at a delivered message now and then until it is taken.
 */

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "core/notify.h"
#include "proxy/proxy_table.h"

static bool has_room(const struct peer *peer)
{
	return queue_count(&peer->out[LANE_CONTROL]) < PROXY_BACKLOG_BYTES;
}

static unsigned slot_of(const struct exchange_channel *channel, int side)
{
	assert(side == 0 || side == 1);
	return (unsigned)(channel->dcid * SHM_SLOTS + shm_index(channel->p_nr[side]));
}

static void mark_dirty(struct peer *peer, const struct exchange_channel *channel, int remote_side)
{
	bits_set(peer->dirty, slot_of(channel, remote_side));
	peer->any_dirty = true;
}

static void lazy_arm(struct proxy *proxy, int64_t us)
{
	assert(us > 0);
	if (proxy->lazy_armed && us >= proxy->lazy_us)
		return;
	proxy->lazy_us = us;
	proxy->lazy_armed = !os_timer_set(proxy->lazy_timer, us);
}

static void mark_lazy(struct peer *peer, const struct exchange_channel *channel, int remote_side)
{
	bits_set(peer->lazy, slot_of(channel, remote_side));
	peer->any_lazy = true;
	lazy_arm(peer->proxy, PROXY_LAZY_US);
}

static void commit_frame(struct peer *peer, size_t bytes)
{
	assert(bytes > 0);
	queue_commit(&peer->out[LANE_CONTROL], bytes);
	peer->stats.frames_sent++;
	peer->proxy->told++;
}

/* False: no memory for it now. */
static bool put_line(struct peer *peer, const struct exchange_channel *channel, int side,
		     const struct line_image *image, uint64_t withdraw, uint64_t fate)
{
	uint8_t *buf = queue_reserve(&peer->out[LANE_CONTROL], FRAME_HEAD_BYTES + FRAME_LINE_BYTES);
	struct frame_line frame = {
		.dcid = channel->dcid,
		.dc_generation = proxy_dc_generation(peer->proxy, channel->dcid),
		.endpoint = { channel->endpoint[0], channel->endpoint[1] },
		.side = (uint32_t)side,
		.word = image->word,
		.aux = image->aux,
		.withdraw = withdraw,
		.fate = fate,
		.msg = image->msg,
	};

	assert(side == 0 || side == 1);
	if (!buf)
		return false;
	commit_frame(peer, frame_encode_line(buf, &frame));
	return true;
}

static bool put_own_line(struct peer *peer, struct exchange_channel *channel, int side)
{
	struct channel_told *told = &channel->told;
	struct line_image image;
	uint64_t wanted, fate;

	assert(side == 0 || side == 1);
	if (!channel_line_untold(channel->page, told, side, side))
		return true;
	fate = channel_fate(channel->page, told, 1 - side);
	/* Its owner is at it just now, and rings when it is done; or the message is barred. */
	if (!exchange_export(peer->proxy->exchange, channel, side, &image))
		return true;
	/* The end of a request, if its answer is there; of all else the state that it had before this message. */
	if (line_word_op(image.word) == LINE_OP_ANSWER)
		fate = channel_fate(channel->page, told, 1 - side);
	wanted = channel_wanted_back(channel->page, side, image.word);
	if (!put_line(peer, channel, side, &image, wanted, fate))
		return false;
	told->word[side] = image.word;
	if (wanted)
		told->withdraw[side] = wanted;
	if (fate)
		told->word[1 - side] = fate;
	return true;
}

static bool put_their_line(struct peer *peer, struct exchange_channel *channel, int side)
{
	struct line_image image;

	assert(side == 0 || side == 1);
	if (!channel_line_untold(channel->page, &channel->told, side, 1 - side))
		return true;
	line_snapshot(&channel->page->line[side], &image);
	if (!put_line(peer, channel, side, &image, 0, 0))
		return false;
	channel->told.word[side] = image.word;
	return true;
}

/*
 * An answer goes before the end of the request that it answers; all else goes after the news that frees a line.
 * As a rule that news is a word in the frame of the message, which is joined in the same order.
 */
static bool put_lines(struct peer *peer, struct exchange_channel *channel, int own)
{
	if (line_word_op(line_word_now(&channel->page->line[own])) == LINE_OP_ANSWER ||
	    channel_fate(channel->page, &channel->told, 1 - own))
		return put_own_line(peer, channel, own) && put_their_line(peer, channel, 1 - own);
	return put_their_line(peer, channel, 1 - own) && put_own_line(peer, channel, own);
}

static bool put_notify(struct peer *peer, struct exchange_channel *channel, int side)
{
	struct frame_notify frame = {
		.dcid = channel->dcid,
		.dc_generation = proxy_dc_generation(peer->proxy, channel->dcid),
		.endpoint = { channel->endpoint[0], channel->endpoint[1] },
		.side = (uint32_t)side,
	};
	struct notify_image image;
	uint8_t *buf;

	assert(side == 0 || side == 1);
	if (!channel_notify_untold(channel->page, &channel->told, side))
		return true;
	/* Taken here, so that nobody hears of it. */
	if (exchange_notify_barred(peer->proxy->exchange, channel, side))
		notify_take(&channel->page->notify[side], false, &image);
	notify_snapshot(&channel->page->notify[side], &image);
	if (exchange_notify_barred(peer->proxy->exchange, channel, side))
		image.taken = image.posted;
	frame.posted = image.posted;
	frame.taken = image.taken;
	frame.bits = image.bits;
	frame.nr = image.nr;
	buf = queue_reserve(&peer->out[LANE_CONTROL], FRAME_HEAD_BYTES + FRAME_NOTIFY_BYTES);
	if (!buf)
		return false;
	commit_frame(peer, frame_encode_notify(buf, &frame));
	channel->told.posted[side] = frame.posted;
	channel->told.taken[side] = frame.taken;
	return true;
}

/* False: there was no room for all of it, the slot is marked. */
static bool put_channel(struct peer *peer, struct exchange_channel *channel, int local_side)
{
	int remote_side = 1 - local_side;

	assert(local_side == 0 || local_side == 1);
	/* That a notification was taken comes before the message that may bring the next one. */
	if (has_room(peer) && put_notify(peer, channel, remote_side) &&
	    put_lines(peer, channel, local_side) && put_notify(peer, channel, local_side))
		return true;
	mark_dirty(peer, channel, remote_side);
	return false;
}

void peer_send_channel(struct peer *peer, struct exchange_channel *channel, int local_side)
{
	const struct channel_page *page = channel->page;
	const struct channel_told *told = &channel->told;
	int remote_side = 1 - local_side;
	/* Before the looks that follow: taken in between, it is one of them that sees it. */
	bool awaited = channel_awaits_take(page, remote_side);

	/* Everything is offered when the link comes up. */
	if (!peer_is_up(peer))
		return;
	if (channel_line_urgent(page, told, local_side, local_side) ||
	    channel_line_urgent(page, told, remote_side, local_side) ||
	    channel_notify_untold(page, told, local_side)) {
		put_channel(peer, channel, local_side);
		peer_flush(peer);
	}
	if (awaited || channel_line_untold(page, told, local_side, local_side) ||
	    channel_line_untold(page, told, remote_side, local_side) ||
	    channel_notify_untold(page, told, remote_side))
		mark_lazy(peer, channel, remote_side);
}

void proxy_on_lazy(void *ctx)
{
	struct proxy *proxy = ctx;

	proxy->lazy_armed = false;
	for (int node = 0; node < NR_NODES; node++) {
		struct peer *peer = &proxy->peer[node];

		if (!peer->any_lazy)
			continue;
		for (unsigned i = 0; i < BITS_WORDS(SHM_DCS * SHM_SLOTS); i++)
			peer->dirty[i] |= peer->lazy[i];
		memset(peer->lazy, 0, sizeof(peer->lazy));
		peer->any_lazy = false;
		peer->any_dirty = true;
		peer_flush(peer);
	}
}

/* Which side of the channel is here while the other one is at that node; -1: neither. */
static int side_toward(const struct peer *peer, const struct exchange_channel *channel)
{
	int at[2];

	for (int side = 0; side < 2; side++)
		at[side] = proxy_locate(peer->proxy, channel->dcid, channel->endpoint[side]);
	if (at[0] == PROXY_HERE && at[1] == peer->node)
		return 0;
	return at[1] == PROXY_HERE && at[0] == peer->node ? 1 : -1;
}

/* The channels of one slot at that node, as far as there is room. */
static void fill_slot(struct peer *peer, int dcid, int p_nr)
{
	struct proxy *proxy = peer->proxy;
	struct exchange_channel *at = NULL;
	int64_t later_us = proxy->lazy_us * 2;

	while ((at = exchange_next(proxy->exchange, dcid, p_nr, at))) {
		int remote_side = exchange_side(at, p_nr);
		bool awaited =
			channel_awaits_take(at->page, remote_side); /* before put_channel() looks */

		if (side_toward(peer, at) != 1 - remote_side)
			continue;
		if (!put_channel(peer, at, 1 - remote_side))
			return;
		if (!awaited)
			continue;
		bits_set(peer->lazy, slot_of(at, remote_side));
		peer->any_lazy = true;
		lazy_arm(proxy, later_us < PROXY_LAZY_MAX_US ? later_us : PROXY_LAZY_MAX_US);
	}
}

bool peer_fill(struct peer *peer)
{
	unsigned count = SHM_DCS * SHM_SLOTS;
	size_t before = queue_count(&peer->out[LANE_CONTROL]);

	if (!peer->any_dirty || !peer_is_up(peer))
		return false;
	peer->any_dirty = false;
	BITS_FOR_EACH(bit, peer->dirty, count)
	{
		if (!has_room(peer)) {
			peer->any_dirty = true;
			break;
		}
		bits_clear(peer->dirty, bit);
		fill_slot(peer, (int)(bit / SHM_SLOTS), (int)(bit % SHM_SLOTS) - SHM_TASKS);
	}
	return queue_count(&peer->out[LANE_CONTROL]) > before;
}

void peer_offer_all(struct peer *peer)
{
	struct exchange *exchange = peer->proxy->exchange;

	for (int dcid = 0; dcid < SHM_DCS; dcid++) {
		for (int index = 0; index < SHM_SLOTS; index++) {
			struct exchange_channel *at = NULL;
			int p_nr = index - SHM_TASKS;

			while ((at = exchange_next(exchange, dcid, p_nr, at))) {
				int local_side = side_toward(peer, at);

				if (local_side < 0 || local_side == exchange_side(at, p_nr))
					continue;
				at->told = (struct channel_told){ 0 };
				mark_dirty(peer, at, 1 - local_side);
			}
		}
	}
	peer_flush(peer);
}

static void resend_channel(struct proxy *proxy, struct exchange_channel *channel, int only_node)
{
	for (int side = 0; side < 2; side++) {
		int here = proxy_locate(proxy, channel->dcid, channel->endpoint[side]);
		int there = proxy_locate(proxy, channel->dcid, channel->endpoint[1 - side]);

		if (here != PROXY_HERE || there < 0 || there >= NR_NODES ||
		    (only_node >= 0 && there != only_node))
			continue;
		channel->told = (struct channel_told){ 0 };
		atomic_store(&channel->page->node[side], proxy->node);
		atomic_store(&channel->page->node[1 - side], there);
		peer_send_channel(&proxy->peer[there], channel, side);
	}
}

/*
 * Of each life that the number has here. A node that asks for an older life is behind, and may have dropped lines of
 * this one; it drops them again, and so asks again when it hears of it.
 */
void peer_resend(struct peer *peer, const struct frame_offer *offer)
{
	int p_nr = _ENDPOINT_P(offer->endpoint);
	struct exchange_channel *at = NULL;

	if (offer->dc_generation != proxy_dc_generation(peer->proxy, offer->dcid))
		return;
	proxy_batch_begin(peer->proxy);
	while ((at = exchange_next(peer->proxy->exchange, offer->dcid, p_nr, at)))
		resend_channel(peer->proxy, at, peer->node);
	proxy_batch_end(peer->proxy);
}

void proxy_resend(struct proxy *proxy, int dcid, int p_nr)
{
	struct exchange_channel *at = NULL;

	proxy_batch_begin(proxy);
	while ((at = exchange_next(proxy->exchange, dcid, p_nr, at)))
		resend_channel(proxy, at, -1);
	proxy_batch_end(proxy);
}

static void send_offer(struct peer *peer, int dcid, int endpoint)
{
	struct frame_offer frame = { .dcid = dcid,
				     .dc_generation = proxy_dc_generation(peer->proxy, dcid),
				     .endpoint = endpoint };
	uint8_t *buf;

	assert(dcid >= 0 && dcid < SHM_DCS);
	if (!peer_is_up(peer))
		return;
	buf = queue_reserve(&peer->out[LANE_CONTROL], FRAME_HEAD_BYTES + FRAME_OFFER_BYTES);
	if (!buf)
		return;
	commit_frame(peer, frame_encode_offer(buf, &frame));
	peer_flush(peer);
}

/* all: also the nodes of which nothing was dropped. */
static void offer(struct proxy *proxy, int dcid, int p_nr, int endpoint, bool all)
{
	unsigned slot = (unsigned)(dcid * SHM_SLOTS + shm_index(p_nr));
	int at = proxy_locate(proxy, dcid, endpoint);

	proxy_batch_begin(proxy);
	for (int node = 0; node < NR_NODES; node++) {
		struct peer *peer = &proxy->peer[node];

		if ((at != PROXY_HERE && at != node) || (!all && !bits_test(peer->dropped, slot)))
			continue;
		bits_clear(peer->dropped, slot);
		send_offer(peer, dcid, endpoint);
	}
	proxy_resend(proxy, dcid, p_nr);
	proxy_batch_end(proxy);
}

void proxy_offer(struct proxy *proxy, int dcid, int p_nr, int endpoint)
{
	offer(proxy, dcid, p_nr, endpoint, true);
}

void proxy_offer_new(struct proxy *proxy, int dcid, int p_nr, int endpoint)
{
	offer(proxy, dcid, p_nr, endpoint, false);
}

void proxy_endpoint_here(struct proxy *proxy, int dcid, int p_nr, int endpoint)
{
	proxy_offer(proxy, dcid, p_nr, endpoint);
}

/* News for an end that the daemon holds. False: not for now, the news is to stay. */
static bool on_news(struct proxy *proxy, int dcid, int p_nr, int ringer_nr)
{
	struct exchange_channel *channel = exchange_find(proxy->exchange, dcid, p_nr, ringer_nr);
	int side, at;

	if (!channel)
		return true;
	side = exchange_side(channel, p_nr);
	at = proxy_locate(proxy, dcid, channel->endpoint[side]);
	if (at >= 0 && at < NR_NODES) {
		peer_send_channel(&proxy->peer[at], channel, 1 - side);
		return true;
	}
	if (at == PROXY_GONE) {
		exchange_endpoint_dead(proxy->exchange, dcid, p_nr, channel->endpoint[side]);
		return true;
	}
	return false;
}

void proxy_scan_endpoint(struct proxy *proxy, int dcid, int p_nr)
{
	struct exchange_bell *bell = exchange_bell_find(proxy->exchange, dcid, p_nr);
	uint64_t left = 0;

	/* Whose news this is we know by ourselves: anybody may have rung, and written into the page. */
	if (!bell)
		return;
	exchange_bell_mend(bell);
	if (bell->holder == BELL_PROCESS)
		return;
	proxy_batch_begin(proxy);
	for (int word = 0; word < SHM_NEWS_WORDS; word++) {
		uint64_t news = atomic_load_explicit(&bell->page->news[word], memory_order_relaxed);

		/* Partner: the ringer sets it after the line. Emptied first, then looked at. */
		if (news)
			news = atomic_exchange(&bell->page->news[word], 0);
		left = 0;
		BITS_FOR_EACH(bit, &news, 64)
		{
			if (!on_news(proxy, dcid, p_nr, word * 64 + (int)bit - SHM_TASKS))
				left |= UINT64_C(1) << bit;
		}
		/* For the process, when it has its end back. */
		if (left)
			atomic_fetch_or(&bell->page->news[word], left);
	}
	proxy_batch_end(proxy);
}

void proxy_scan(struct proxy *proxy)
{
	struct node_bell *bell = exchange_node_bell(proxy->exchange);

	proxy_attend_late(proxy);
	proxy_batch_begin(proxy);
	for (int word = 0; word < SHM_NODE_NEWS_WORDS; word++) {
		uint64_t news = atomic_load_explicit(&bell->news[word], memory_order_relaxed);

		if (news)
			news = atomic_exchange(&bell->news[word], 0);
		BITS_FOR_EACH(bit, &news, 64)
		{
			int dcid = (word * 64 + (int)bit) / SHM_SLOTS;
			int p_nr = (word * 64 + (int)bit) % SHM_SLOTS - SHM_TASKS;

			proxy_scan_endpoint(proxy, dcid, p_nr);
			if (proxy->callbacks.rung)
				proxy->callbacks.rung(proxy->callbacks.ctx, dcid, p_nr);
		}
	}
	proxy_batch_end(proxy);
}
