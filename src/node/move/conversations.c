/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/conversations.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/channel.h"
#include "dvk.h"
#include "node/state/order.h"
#include "node/task/output.h"
#include "node/bind/binding.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "proxy/proxy.h"

static uint32_t count_channels(struct binding *binding)
{
	struct exchange_channel *channel = NULL;
	uint32_t count = 0;

	while ((channel = exchange_next(binding->bindings->exchange, binding->dcid, binding->p_nr,
					channel)))
		count++;
	return count;
}

/* Nothing that is barred leaves with the process: neither its own message, nor one that waits for it. */
static void keep_barred(struct exchange *exchange, struct exchange_channel *channel, int own,
			struct channel_image *image)
{
	uint64_t word = image->line[0].word;

	if (exchange_barred(exchange, channel, own, word))
		image->line[0].word =
			line_word(line_word_seq(word), LINE_WITHDRAWN, line_word_op(word), 0);
	if (line_word_state(image->line[1].word) != LINE_FREE &&
	    !exchange_let_pass(exchange, channel, 1 - own, &image->line[1]))
		memset(&image->line[1], 0, sizeof(image->line[1]));
	for (int i = 0; i < 2; i++)
		if (exchange_notify_barred(exchange, channel, i == 0 ? own : 1 - own))
			image->notify[i].taken = image->notify[i].posted;
}

static void pack_channel(const struct binding *binding, struct exchange_channel *channel,
			 struct move_channel *out)
{
	int own = exchange_side(channel, binding->p_nr);

	memset(out, 0, sizeof(*out));
	out->peer_nr = channel->p_nr[1 - own];
	out->peer_endpoint = channel->endpoint[1 - own];
	channel_pack(channel->page, own, &out->image);
	keep_barred(binding->bindings->exchange, channel, own, &out->image);
}

static void pack_status(const struct binding *binding, struct move_state *state)
{
	const struct status_page *page = binding->status->page;
	struct exchange_bell *bell;

	state->rts_flags = page->rts_flags;
	state->misc_flags = page->misc_flags;
	state->getfrom = page->getfrom;
	state->sendto = page->sendto;
	state->waitunbind = page->waitunbind;
	state->waitbind = page->waitbind;
	state->hardware = page->hardware;
	state->latch = page->latch;
	state->lclsent = page->lclsent;
	state->rmtsent = page->rmtsent;
	state->lclcopy = page->lclcopy;
	state->rmtcopy = page->rmtcopy;
	state->waits = page->waits;
	state->rights = page->rights;
	state->attached = page->attached;
	state->priv = binding->bindings->tasks->rights.of[binding->dcid][shm_index(binding->p_nr)];
	if (exchange_bell(binding->bindings->exchange, binding->dcid, binding->p_nr, &bell) < 0)
		return;
	state->bell_seq = bell->page->seq;
	for (int i = 0; i < SHM_NEWS_WORDS; i++)
		state->news[i] = bell->page->news[i];
}

int conversations_pack(struct binding *binding, const struct task *logged, uint32_t move,
		       uint8_t **bytesp, uint32_t *lenp)
{
	struct output *output = logged ? logged->output : NULL;
	struct exchange_channel *channel = NULL;
	uint32_t count = count_channels(binding);
	size_t log_bytes = output ? output_size(output) : 0;
	size_t len = sizeof(struct move_state) + count * sizeof(struct move_channel) + log_bytes;
	uint8_t *bytes = calloc(1, len);
	struct move_state *state = (struct move_state *)bytes;
	struct move_channel *out = (struct move_channel *)(bytes + sizeof(*state));

	assert(os_lock_protects());
	if (!bytes)
		return -ENOMEM;
	state->move = move;
	state->dcid = binding->dcid;
	state->endpoint = binding->endpoint;
	state->vpid = binding->task->vpid;
	state->generation = binding->generation;
	state->channel_count = count;
	state->log_bytes = (uint32_t)log_bytes;
	state->log_limit = output ? output_limit(output) : OUTPUT_BYTES;
	if (output)
		state->log_start = logged->output_start + output_total(output) - log_bytes;
	pack_status(binding, state);
	while ((channel = exchange_next(binding->bindings->exchange, binding->dcid, binding->p_nr,
					channel)))
		pack_channel(binding, channel, out++);
	if (output)
		output_export(output, (uint8_t *)out, log_bytes);
	*bytesp = bytes;
	*lenp = (uint32_t)len;
	return 0;
}

int conversations_check(const uint8_t *bytes, uint32_t len)
{
	struct move_state state;
	uint64_t need = sizeof(state);

	if (len < sizeof(state))
		return -EBADMSG;
	memcpy(&state, bytes, sizeof(state));
	if (state.channel_count > SHM_SLOTS || state.log_limit < OUTPUT_LEAST ||
	    state.log_limit > OUTPUT_MOST || state.log_bytes > state.log_limit)
		return -EBADMSG;
	need += (uint64_t)state.channel_count * sizeof(struct move_channel) + state.log_bytes;
	return need == len ? 0 : -EBADMSG;
}

/* Is the receiver of the process's own line looking at this very page? Not if it is held for a move. */
static bool peer_is_here(const struct binding *binding, const struct directory_endpoint *peer,
			 int peer_nr)
{
	const struct binding *there = binding_find(binding->bindings, binding->dcid, peer_nr);

	return peer->node == binding->bindings->order->self && there &&
	       there->state == BINDING_BOUND;
}

static void unpack_channel(struct binding *binding, const struct move_channel *in)
{
	struct bindings *bindings = binding->bindings;
	const struct directory_endpoint *peer =
		order_endpoint(bindings->order, binding->dcid, in->peer_nr);
	struct exchange_channel *channel;
	struct exchange_bell *bell;
	bool here;
	int own;

	if (!peer || exchange_channel(bindings->exchange, binding->dcid, binding->endpoint,
				      in->peer_endpoint, &channel) < 0)
		return;
	own = exchange_side(channel, binding->p_nr);
	here = peer_is_here(binding, peer, in->peer_nr);
	channel_unpack(channel->page, own, &in->image, here);
	/* The node that it comes from has let this pass, and a third one may have it. */
	if (!here && line_word_state(in->image.line[0].word) == LINE_SENT)
		channel->passed[own] = line_word_seq(in->image.line[0].word);
	if (here && peer->bound &&
	    directory_endpoint_number(peer, in->peer_nr) == in->peer_endpoint &&
	    exchange_bell(bindings->exchange, binding->dcid, in->peer_nr, &bell) == 0)
		exchange_ring(bindings->exchange, bell, binding->p_nr);
}

void conversations_unpack_status(struct binding *binding, const uint8_t *bytes)
{
	const struct move_state *state = (const struct move_state *)bytes;
	struct status_page *page = binding->status->page;
	struct rights *rights = &binding->bindings->tasks->rights;

	assert(os_lock_protects());
	page->rts_flags = state->rts_flags;
	page->misc_flags = state->misc_flags;
	page->getfrom = state->getfrom;
	page->sendto = state->sendto;
	page->waitunbind = state->waitunbind;
	page->waitbind = state->waitbind;
	page->hardware = state->hardware;
	page->latch = state->latch;
	page->lclsent = state->lclsent;
	page->rmtsent = state->rmtsent;
	page->lclcopy = state->lclcopy;
	page->rmtcopy = state->rmtcopy;
	page->waits = state->waits;
	page->attached = state->attached != 0;
	page->rights = state->rights;
	rights->of[binding->dcid][shm_index(binding->p_nr)] = state->priv;
	rights_note(rights, binding->dcid, binding->p_nr);
}

/*
 * The task may have read the bell's count at the source and be about to sleep on it: the count here
 * must never again equal one it can have read, and every peer counts as news.
 */
static void unpack_bell(struct binding *binding, const struct move_state *state,
			const struct move_channel *channels)
{
	struct exchange_bell *bell;
	uint32_t seq;

	if (exchange_bell(binding->bindings->exchange, binding->dcid, binding->p_nr, &bell) < 0)
		return;
	seq = bell->page->seq;
	while ((int32_t)(state->bell_seq + 1 - seq) > 0 &&
	       !atomic_compare_exchange_weak(&bell->page->seq, &seq, state->bell_seq + 1))
		;
	for (int i = 0; i < SHM_NEWS_WORDS; i++)
		atomic_fetch_or(&bell->page->news[i], state->news[i]);
	for (uint32_t i = 0; i < state->channel_count; i++) {
		unsigned bit = (unsigned)shm_index(channels[i].peer_nr) % SHM_SLOTS;

		atomic_fetch_or(&bell->page->news[bit / 64], UINT64_C(1) << bit % 64);
	}
	exchange_poke(bell);
}

/*
 * Ends the conversations with peers that died on the way, also where this node saw that first and nothing of the peer
 * was carried.
 */
static void end_of_the_dead(struct binding *binding)
{
	struct bindings *bindings = binding->bindings;
	struct exchange_channel *channel =
		exchange_next(bindings->exchange, binding->dcid, binding->p_nr, NULL);

	while (channel) {
		int side = 1 - exchange_side(channel, binding->p_nr);
		int dead = channel->endpoint[side];

		channel = exchange_next(bindings->exchange, binding->dcid, binding->p_nr, channel);
		if (binding_locate(bindings, binding->dcid, dead) == PROXY_GONE)
			exchange_endpoint_dead(bindings->exchange, binding->dcid, _ENDPOINT_P(dead),
					       dead);
	}
}

void conversations_unpack_bell(struct binding *binding, const uint8_t *bytes)
{
	const struct move_state *state = (const struct move_state *)bytes;

	assert(os_lock_protects());
	unpack_bell(binding, state, (const struct move_channel *)(bytes + sizeof(*state)));
}

void conversations_unpack(struct binding *binding, const uint8_t *bytes)
{
	const struct move_state *state = (const struct move_state *)bytes;
	const struct move_channel *channels = (const struct move_channel *)(bytes + sizeof(*state));

	assert(os_lock_protects());
	for (uint32_t i = 0; i < state->channel_count; i++)
		if (channels[i].peer_nr >= -SHM_TASKS &&
		    channels[i].peer_nr < SHM_SLOTS - SHM_TASKS)
			unpack_channel(binding, &channels[i]);
	end_of_the_dead(binding);
	unpack_bell(binding, state, channels);
}
