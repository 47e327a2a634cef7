/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Lines that come in. Which node a line comes from does not matter: for one sequence of one life of
 * an endpoint its state only grows, so what is late changes nothing and what is early is true. But the end
 * which it is for has to be here: one that is held may be read and carried away at this moment, and one that is
 * not here has its replica elsewhere. Such a line is dropped; its sender still has it, and offers it when the
 * order says where the end is.
 */

#include <assert.h>
#include <stdatomic.h>

#include "os/clock.h"
#include "proxy/proxy_table.h"

/* Finds or makes the channel of a frame. The side that is here, or -1. */
static int channel_of(struct peer *peer, int dcid, uint32_t dc_generation,
		      const int32_t endpoint[2], struct exchange_channel **channelp)
{
	struct proxy *proxy = peer->proxy;
	int at[2], local;

	if (dc_generation != proxy_dc_generation(proxy, dcid))
		return -1;
	for (int side = 0; side < 2; side++)
		at[side] = proxy_locate(proxy, dcid, endpoint[side]);
	local = at[0] == PROXY_HERE ? 0 : 1;
	/*
	 * Both here: a line that was on its way from the earlier node of one of them has been carried here
	 * since.
	 */
	if (at[local] != PROXY_HERE || at[1 - local] == PROXY_HERE || at[1 - local] == PROXY_GONE)
		return -1;
	if (exchange_channel(proxy->exchange, dcid, endpoint[local], endpoint[1 - local], channelp))
		return -1;
	atomic_store(&(*channelp)->page->node[local], proxy->node);
	if (at[1 - local] >= 0)
		atomic_store(&(*channelp)->page->node[1 - local], at[1 - local]);
	assert(at[local] == PROXY_HERE);
	return local;
}

static void ring_local(struct peer *peer, const struct exchange_channel *channel, int local)
{
	struct exchange_bell *bell;

	assert(local == 0 || local == 1);
	if (exchange_bell(peer->proxy->exchange, channel->dcid, channel->p_nr[local], &bell))
		return;
	exchange_ring(peer->proxy->exchange, bell, channel->p_nr[1 - local]);
}

/* A frame of one of these endpoints may have come too early: proxy_offer_new() asks for it. */
static void drop(struct peer *peer, int dcid, const int32_t endpoint[2])
{
	assert(dcid >= 0 && dcid < SHM_DCS); /* as frame_decode_...() has looked */
	for (int side = 0; side < 2; side++) {
		int index = shm_index(_ENDPOINT_P(endpoint[side]));

		assert(index >= 0 && index < SHM_SLOTS);
		bits_set(peer->dropped, (unsigned)(dcid * SHM_SLOTS + index));
	}
	peer->stats.dropped++;
}

/* Says what that node does not know yet; if the far end is no longer there, the order will. */
static void reply(struct peer *peer, struct exchange_channel *channel, int local)
{
	int at = proxy_locate(peer->proxy, channel->dcid, channel->endpoint[1 - local]);

	assert(local == 0 || local == 1);
	if (at == peer->node)
		peer_send_channel(peer, channel, local);
}

void peer_on_line(struct peer *peer, const struct frame_line *frame)
{
	struct line_image image = { .word = frame->word, .aux = frame->aux, .msg = frame->msg };
	struct exchange_channel *channel;
	int local = channel_of(peer, frame->dcid, frame->dc_generation, frame->endpoint, &channel);
	int side = (int)frame->side;
	bool waited_for;

	assert(frame->side <= 1);
	if (local < 0) {
		drop(peer, frame->dcid, frame->endpoint);
		return;
	}
	/* Its place among those that wait here is that of its coming here. */
	if (side != local && (line_word_op(image.word) == LINE_OP_SEND ||
			      line_word_op(image.word) == LINE_OP_SENDREC))
		image.aux = os_ticks();
	if (side == local)
		waited_for = channel_merge_line(channel->page, &channel->told, side, &image,
						frame->withdraw, local);
	else
		waited_for = channel_merge_both(channel->page, &channel->told, &image,
						frame->withdraw, frame->fate, local);
	if (waited_for)
		ring_local(peer, channel, local);
	reply(peer, channel, local);
}

void peer_on_notify(struct peer *peer, const struct frame_notify *frame)
{
	struct exchange_channel *channel;
	int local = channel_of(peer, frame->dcid, frame->dc_generation, frame->endpoint, &channel);
	struct notify_image image = {
		.posted = frame->posted, .taken = frame->taken, .bits = frame->bits, .nr = frame->nr
	};
	int side = (int)frame->side;

	assert(frame->side <= 1);
	if (local < 0) {
		drop(peer, frame->dcid, frame->endpoint);
		return;
	}
	if (channel_merge_notify(channel->page, &channel->told, side, &image, local))
		ring_local(peer, channel, local);
	reply(peer, channel, local);
}
