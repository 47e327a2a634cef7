/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_LIBDVK_CHANNEL_H
#define DVS_LIBDVK_CHANNEL_H

/*
 * The channels of a binding, opened when first needed, and how their far end is told that something
 * changed. All functions need the binding to be entered.
 */

#include <stdatomic.h>

#include "core/line.h"
#include "libdvk/binding.h"

enum channel_use {
	CHANNEL_SEND,	 /* to the endpoint */
	CHANNEL_RECEIVE, /* from it */
};

/*
 * Finds or opens the channel with the present life of an endpoint. The daemon is asked for those not
 * open yet; its answer is passed on: EDVSDSTDIED (free slot), EDVSRANGE, EDVSTRAPDENIED ...
 */
static inline int channel_get(struct binding *binding, int endpoint, enum channel_use use,
			      struct channel **channelp);
/* The same, where it is not open, or not any more. */
int channel_obtain(struct binding *binding, int endpoint, enum channel_use use,
		   struct channel **channelp);
void channel_close(struct binding *binding, int index);

/* Of a number that no slot has: EDVSRANGE, EDVSENDPOINT. */
int channel_bad_number(int endpoint);
/* 0 if the number is that of a slot, in any life. */
static inline int channel_check_number(int endpoint)
{
	return (unsigned)shm_index(endpoint) < SHM_SLOTS ? 0 : channel_bad_number(endpoint);
}

/*
 * The message that is about to be sent may be the answer that is owed to an earlier life of the peer: then it
 * is not for the present one. EDVSDSTDIED, once for each such answer; else 0.
 */
int channel_check_lost(struct binding *binding, int p_nr);
/* The same question, which counts nothing: data that belong to such an answer go with it. */
bool channel_is_lost(struct binding *binding, int p_nr);

/* News for the peer: it will look at this channel before it sleeps. */
void channel_ring(struct binding *binding, struct channel *channel);
/* A message was posted: a receiver that looks at our line by itself is not rung. */
void channel_ring_message(struct binding *binding, struct channel *channel);
/* The same to a peer that looks at the changed word by itself before it sleeps. */
void channel_ring_watcher(struct binding *binding, struct channel *channel);
/* The same if only the daemon has to know, because the peer is elsewhere. */
void channel_ring_far(struct binding *binding, struct channel *channel);

/* The daemon is to look at our own status page: something there is for it. */
void channel_ring_daemon(struct binding *binding);

/*
 * Takes the message of this word from the peer's line, and tells the peer. False if it was gone. *m gets the peer
 * as its source. The channel has admitted the word.
 */
bool channel_take(struct binding *binding, struct channel *channel, uint64_t word, message *m);
/* The peer's answer to a request that is over: gives it back. */
void channel_refuse(struct binding *binding, struct channel *channel, uint64_t word);
/*
 * May the peer send what its line says with this word? If not it is given back: the peer is excluded, or its
 * right went while it waited.
 */
bool channel_admits(struct binding *binding, struct channel *channel, uint64_t word);
bool channel_admits_notify(const struct binding *binding, const struct channel *channel);
/*
 * Our message was given back although nobody asked for that: the right to send may be gone. 0: it is not, or an
 * error as of channel_get(). Nothing goes to a later life of the peer: EDVSDSTDIED.
 */
int channel_ask_again(struct binding *binding, struct channel *channel);
/* We do not owe the peer an answer any more. */
void channel_settle(struct binding *binding, struct channel *channel);
/* One message was sent over it. */
void channel_count(struct binding *binding, struct channel *channel);

static inline struct line *channel_own(const struct channel *channel)
{
	return &channel->page->line[channel->own_side];
}

static inline struct line *channel_peer(const struct channel *channel)
{
	return &channel->page->line[1 - channel->own_side];
}

/* Said by the daemon alone: a message of this life that comes now was written after its end. */
static inline bool channel_is_ended(const struct channel *channel)
{
	/* Acquire: the daemon ended the lines before; a reader that sees the mark sees them ended. */
	return atomic_load_explicit(channel->ended, memory_order_acquire) > channel->generation;
}

/* The mark in the page comes along when we move; the peer can write there, and clear it. */
static inline bool channel_is_dead(const struct channel *channel)
{
	return channel_is_ended(channel) ||
	       (atomic_load_explicit(&channel->page->dead, memory_order_acquire) >>
			(1 - channel->own_side) &
		1);
}

static inline bool channel_is_usable(const struct binding *binding, const struct channel *channel,
				     enum channel_use use)
{
	if (!channel->page || use == CHANNEL_RECEIVE)
		return channel->page;
	return channel->may_send &&
	       channel->rights ==
		       atomic_load_explicit(&binding->status->rights, memory_order_relaxed);
}

static inline int channel_get(struct binding *binding, int endpoint, enum channel_use use,
			      struct channel **channelp)
{
	struct channel *channel;

	if (channel_check_number(endpoint))
		return channel_bad_number(endpoint);
	channel = binding_channel(binding, endpoint);
	if (!channel_is_usable(binding, channel, use) || channel_is_dead(channel))
		return channel_obtain(binding, endpoint, use, channelp);
	*channelp = channel;
	return 0;
}

#endif
