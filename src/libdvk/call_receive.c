/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dvk_receive and dvk_rcvrqst.
 *
 * News bits say which peers rang. Each is looked at once and sorted: it has a notification, it has a
 * message, or neither (it only took something of ours). Peers whose news is not wanted now stay sorted:
 *
 *	bell.news -> news -> notes   lowest first, before every message
 *	                  -> ready   in the order in which they came
 *
 * A message says itself when it came, and its sender could lie. So this only orders those that are
 * found at one look: each is given the next turn, and whoever has a turn is served before all that come
 * later. No sender gets ahead of one that was seen before it, and with n ready nobody waits for more
 * than n-1 others.
 *
 * A sender that came several times in a row is watched: the receiver looks at its line by itself, at every
 * look, and says so in its bell. Then the sender rings only a sleeper, and a message between two that
 * are awake costs the cache line that carries it and no other.
 *
 *	receiver                               sender
 *	watched := another                     changes its line
 *	fence                                  fence
 *	looks at the line of the one before    rings, unless it is the watched one
 */

#include <string.h>

#include "base/bits.h"
#include "core/notify.h"
#include "dvk.h"
#include "libdvk/post.h"
#include "os/clock.h"

struct receipt {
	struct wait wait;
	message *m;
	bool notes;		 /* notifications are wanted */
	bool waited;		 /* nothing was there at an earlier look */
	int source;		 /* endpoint, or ANY */
	struct channel *channel; /* of a specific source; NULL: it is not bound yet */
	int life;		 /* that it had when the channel was found */
};

static struct notify_word *note_of(const struct channel *channel)
{
	return &channel->page->notify[1 - channel->own_side];
}

#define WATCH_AFTER 4

/* The channel whose line we look at by ourselves, or NULL. */
static struct channel *watched_channel(struct binding *binding)
{
	struct channel *channel = &binding->channel[(binding->watched - 1) % SHM_SLOTS];

	return binding->watched && channel->page ? channel : NULL;
}

static void watch(struct binding *binding, unsigned index)
{
	_Atomic uint32_t *shown = &binding->bell->watched;
	uint32_t before;

	DVK_ASSERT(index < SHM_SLOTS);
	binding->served_in_row = index == binding->last_served ? binding->served_in_row + 1 : 0;
	binding->last_served = index;
	if (binding->served_in_row < WATCH_AFTER ||
	    (binding->watched == index + 1 &&
	     atomic_load_explicit(shown, memory_order_relaxed) == index + 1))
		return;
	before = binding->watched;
	binding->watched = index + 1;
	atomic_store_explicit(shown, index + 1, memory_order_relaxed);
	/* Partner: channel_ring_message(). */
	atomic_thread_fence(memory_order_seq_cst);
	if (before && before != index + 1)
		bits_set(binding->news, before - 1);
}

static void news_fetch(struct binding *binding)
{
	for (int i = 0; i < SHM_NEWS_WORDS; i++) {
		if (!atomic_load_explicit(&binding->bell->news[i], memory_order_relaxed))
			continue;
		/* Acquire: then the lines are looked at; partner: the ringer's exchange after its change. */
		binding->news[i] |= atomic_exchange(&binding->bell->news[i], 0);
	}
}

/*
 * The channel of a peer that rang; NULL if there is nobody. The daemon has to be asked about an unknown peer,
 * which takes time that others wait for; and a process that writes into our bell can ring in the name of any
 * other. So the daemon is asked only about those that it shows as peers, which it does before their first ring.
 */
static struct channel *channel_of(struct binding *binding, unsigned index)
{
	struct channel *channel = &binding->channel[index];
	int p_nr = (int)index - SHM_TASKS;

	DVK_ASSERT(index < SHM_SLOTS);
	if (!channel->page && !(atomic_load(&binding->status->peers[index / 64]) >> index % 64 & 1))
		return NULL;
	if (p_nr == binding->p_nr || channel_get(binding, p_nr, CHANNEL_RECEIVE, &channel))
		return NULL;
	return channel;
}

/* Ready now and not at the last look, the earliest first; few, as a rule. */
struct arrivals {
	unsigned count;
	struct {
		uint64_t ticks;
		unsigned index;
	} at[SHM_SLOTS];
};

static void arrivals_add(struct arrivals *arrivals, const struct channel *channel, unsigned index)
{
	uint64_t ticks = atomic_load_explicit(&channel_peer(channel)->aux, memory_order_relaxed);
	unsigned i = arrivals->count++;

	DVK_ASSERT(arrivals->count <= SHM_SLOTS);
	while (i > 0 && (int64_t)(arrivals->at[i - 1].ticks - ticks) > 0) {
		arrivals->at[i] = arrivals->at[i - 1];
		i--;
	}
	arrivals->at[i].ticks = ticks;
	arrivals->at[i].index = index;
}

static void news_sort(struct binding *binding)
{
	struct channel *watched = watched_channel(binding);
	struct arrivals arrivals;

	arrivals.count = 0;
	news_fetch(binding);
	if (watched && line_word_is_waiting(line_word_now(channel_peer(watched))))
		bits_set(binding->news, binding->watched - 1);
	BITS_FOR_EACH(index, binding->news, SHM_SLOTS)
	{
		struct channel *channel;

		bits_clear(binding->news, index);
		channel = channel_of(binding, index);
		if (!channel)
			continue;
		if (notify_pending(note_of(channel)))
			bits_set(binding->notes, index);
		if (line_word_is_waiting(line_word_now(channel_peer(channel))) &&
		    !bits_test(binding->ready, index))
			arrivals_add(&arrivals, channel, index);
	}
	for (unsigned i = 0; i < arrivals.count; i++) {
		binding->turn[arrivals.at[i].index] = ++binding->turns;
		bits_set(binding->ready, arrivals.at[i].index);
	}
}

static bool note_take(struct receipt *receipt, struct channel *channel)
{
	struct binding *binding = receipt->wait.binding;
	message *m = receipt->m;
	struct notify_image note;

	if (!channel_admits_notify(binding, channel)) {
		notify_take(note_of(channel), false, &note);
		return false;
	}
	/* Several that came while we waited: the first is delivered, the others merge and stay. */
	if (!notify_take(note_of(channel), receipt->waited, &note))
		return false;
	if (notify_pending(note_of(channel)))
		bits_set(binding->notes, (unsigned)(channel - binding->channel));
	channel_ring_far(binding, channel);
	memset(m, 0, sizeof(*m));
	m->m_source = note.nr;
	m->m_type = NOTIFY_FROM(note.nr);
	m->m9_l1 = (int)note.bits;
	m->m9_t1 = os_timespec(os_realtime_ns());
	return true;
}

/* One in the name of the hardware, which has no channel: the daemon latches it and pokes us. */
static bool hardware_take(struct binding *binding, message *m)
{
	_Atomic uint32_t *hardware = &binding->status->hardware;

	if (!atomic_load_explicit(hardware, memory_order_relaxed) || !atomic_exchange(hardware, 0))
		return false;
	memset(m, 0, sizeof(*m));
	m->m_source = HARDWARE;
	m->m_type = NOTIFY_FROM(binding->p_nr);
	m->m9_t1 = os_timespec(os_realtime_ns());
	return true;
}

static bool take_note(struct receipt *receipt)
{
	struct binding *binding = receipt->wait.binding;

	if (hardware_take(binding, receipt->m))
		return true;
	BITS_FOR_EACH(index, binding->notes, SHM_SLOTS)
	{
		struct channel *channel = &binding->channel[index];

		bits_clear(binding->notes, index);
		if (channel->page && note_take(receipt, channel))
			return true;
	}
	return false;
}

/*
 * Takes what the peer has for us, unless it is an answer to a request that is over, or a reply and we
 * do not wait for just this peer.
 */
static bool take_from(struct receipt *receipt, struct channel *channel)
{
	uint64_t word = line_word_now(channel_peer(channel));
	struct binding *binding = receipt->wait.binding;
	enum call_receipt found;

	if (!line_word_is_waiting(word) || !channel_admits(binding, channel, word))
		return false;
	found = call_look_to_receive(channel->page, channel->own_side, word,
				     receipt->source == ANY);
	if (found == CALL_RECEIPT_REFUSED)
		channel_ring_watcher(binding, channel);
	return found == CALL_RECEIPT_HERE && channel_take(binding, channel, word, receipt->m);
}

static unsigned first_in_turn(const struct binding *binding)
{
	unsigned first = SHM_SLOTS;

	BITS_FOR_EACH(index, binding->ready, SHM_SLOTS)
	{
		if (first == SHM_SLOTS || binding->turn[index] < binding->turn[first])
			first = index;
	}
	return first;
}

static bool take_any(struct receipt *receipt)
{
	struct binding *binding = receipt->wait.binding;

	for (;;) {
		unsigned index = first_in_turn(binding);

		if (index == SHM_SLOTS)
			return false;
		bits_clear(binding->ready, index);
		if (binding->channel[index].page && take_from(receipt, &binding->channel[index])) {
			watch(binding, index);
			return true;
		}
	}
}

static int source_get(struct receipt *receipt, struct binding *binding)
{
	int r;

	if (receipt->source == ANY)
		return 0;
	if (receipt->source == binding->p_nr)
		return EDVSENDPOINT;
	r = channel_get(binding, receipt->source, CHANNEL_RECEIVE, &receipt->channel);
	if (!r)
		receipt->life = receipt->channel->life;
	return r == EDVSDSTDIED ? EDVSSRCDIED : r;
}

/*
 * A source that is stated to be on another node, and that nobody has bound there yet: the daemon rings on
 * every bind and unbind while we say that we wait for one.
 */
static int await_source(struct receipt *receipt)
{
	DVK_ASSERT(receipt->source != ANY);
	struct binding *binding = receipt->wait.binding;
	int r;

	DVK_ASSERT(!receipt->channel);
	atomic_store(&binding->status->waitbind, 1);
	r = source_get(receipt, binding);
	return r == EDVSAGAIN ? 0 : r;
}

/*
 * The watched sender, if it has a message and nobody else has anything, nor had before: then the result of
 * sorting is known. As a rule it is so between two that talk, and each trip pays for this look.
 */
static struct channel *only_watched(const struct receipt *receipt, struct channel *watched,
				    uint64_t seen)
{
	const struct binding *binding = receipt->wait.binding;
	uint64_t others = 0;

	if (!watched || receipt->source != ANY || !line_word_is_waiting(seen))
		return NULL;
	for (int i = 0; i < SHM_NEWS_WORDS; i++)
		others |= binding->news[i] | binding->notes[i] | binding->ready[i] |
			  atomic_load_explicit(&binding->bell->news[i], memory_order_relaxed);
	others |= atomic_load_explicit(&binding->status->hardware, memory_order_relaxed);
	return others || notify_pending(note_of(watched)) || channel_is_dead(watched) ? NULL
										      : watched;
}

/* 1: *m is filled. 0: nothing yet. */
static int look(struct receipt *receipt)
{
	struct wait *wait = &receipt->wait;
	struct channel *watched = watched_channel(wait->binding);
	uint64_t seen = watched ? line_word_now(channel_peer(watched)) : 0;

	if (only_watched(receipt, watched, seen) && take_from(receipt, watched)) {
		watch(wait->binding, wait->binding->watched - 1);
		return 1;
	}
	news_sort(wait->binding);
	/* Sorting the news may have closed its channel. */
	if (watched && watched->page && receipt->source == ANY) {
		wait->word[0] = &channel_peer(watched)->word;
		wait->seen[0] = seen;
	}
	if (receipt->notes && take_note(receipt))
		return 1;
	if (receipt->source == ANY)
		return take_any(receipt);
	if (!receipt->channel) {
		int r = await_source(receipt);

		if (r || !receipt->channel)
			return r;
	}
	/* Sorting the news may have closed the channel of a peer that is gone. */
	if (!receipt->channel->page || receipt->channel->life != receipt->life)
		return EDVSSRCDIED;
	wait->word[0] = &channel_peer(receipt->channel)->word;
	wait->seen[0] = line_word_now(channel_peer(receipt->channel));
	if (take_from(receipt, receipt->channel))
		return 1;
	return channel_is_dead(receipt->channel) ? EDVSSRCDIED : 0;
}

/* The next sender is most often the last one. */
static const struct bell_page *expected(const struct receipt *receipt,
					const struct binding *binding)
{
	if (receipt->source == ANY)
		return binding->channel[binding->last_served % SHM_SLOTS].bell;
	return receipt->channel ? receipt->channel->bell : NULL;
}

/* Not the wait: wait_init() fills it. */
static void receipt_init(struct receipt *receipt, message *m, bool notes, int source)
{
	receipt->m = m;
	receipt->notes = notes;
	receipt->waited = false;
	receipt->source = source;
	receipt->channel = NULL;
	receipt->life = 0;
}

static int receive_entered(struct receipt *receipt, struct binding *binding, long timeout)
{
	struct wait *wait = &receipt->wait;
	int r;

	wait_init(wait, binding, timeout, 0);
	wait->news = true;
	wait->any = receipt->source == ANY;
	wait->flags = RECEIVING;
	wait->getfrom = receipt->source;
	r = wait->any ? wait_latch(binding, true) : 0;
	while (!r) {
		wait_begin(wait);
		r = look(receipt);
		if (r)
			break;
		receipt->waited = true;
		wait->peer = expected(receipt, binding);
		r = timeout ? wait_step(wait) : EDVSAGAIN;
	}
	if (atomic_load_explicit(&binding->status->waitbind, memory_order_relaxed))
		atomic_store(&binding->status->waitbind, 0);
	return r > 0 ? 0 : r;
}

long dvk_receive_T(int src_ep, message *m, long timeout)
{
	struct receipt receipt;
	struct binding *binding;
	int r = binding_enter_timed(&binding, DVK_RECEIVE, &timeout);

	if (r)
		return r;
	receipt_init(&receipt, m, true, src_ep);
	r = source_get(&receipt, binding);
	if (r == EDVSAGAIN)
		r = 0; /* not bound yet: it is waited for */
	if (!r && post_is_bad(m))
		r = EDVSFAULT;
	if (!r)
		r = receive_entered(&receipt, binding, timeout);
	return binding_leave(binding, r);
}

long dvk_rcvrqst_T(message *m, long timeout)
{
	struct receipt receipt;
	struct binding *binding;
	int r = binding_enter_timed(&binding, DVK_RCVRQST, &timeout);

	if (r)
		return r;
	receipt_init(&receipt, m, false, ANY);
	if (!atomic_load_explicit(&binding->status->sysproc, memory_order_relaxed))
		r = EDVSTRAPDENIED;
	else if (post_is_bad(m))
		r = EDVSFAULT;
	else
		r = receive_entered(&receipt, binding, timeout);
	return binding_leave(binding, r);
}
