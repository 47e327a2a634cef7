/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The senders that a receiver does not hear. A sender could leave the library's checks out and write a line into
 * a page that it was given to hear by. So a line of an endpoint of this node is looked at by others before it is
 * taken:
 *
 *	the receiver is here        by the receiver: its status page shows the barred senders
 *	the receiver is elsewhere   by this daemon, before the line leaves the node
 *
 * What is barred is withdrawn. A sender in good faith, whose right has just gone, asks for it again then, and is told.
 */

#include <assert.h>
#include <string.h>

#include "base/bits.h"
#include "core/notify.h"
#include "pages/exchange_table.h"

static bool is_barred(const struct exchange_bars *bars, int receiver_nr, enum line_op op)
{
	assert(op < SHM_BARS);
	return bars->kinds >> op & 1 || bits_test(bars->to, (unsigned)shm_index(receiver_nr));
}

static void show(struct status_page *page, const struct exchange_bars *bars, int sender_nr)
{
	unsigned index = (unsigned)shm_index(sender_nr);
	uint64_t bit = UINT64_C(1) << index % 64;

	for (int op = 0; op < SHM_BARS; op++) {
		_Atomic uint64_t *word = &page->barred[op][index / 64];

		if (is_barred(bars, page->p_nr, (enum line_op)op))
			atomic_fetch_or(word, bit);
		else if (atomic_load(word) & bit)
			atomic_fetch_and(word, ~bit);
	}
}

static void show_any(struct status_page *page)
{
	uint64_t any = 0;

	for (int op = 0; op < SHM_BARS; op++)
		for (int i = 0; i < SHM_NEWS_WORDS; i++)
			any |= atomic_load(&page->barred[op][i]);
	if (atomic_load(&page->bars) != (any != 0))
		atomic_store(&page->bars, any != 0);
}

void exchange_bars_show(struct exchange *exchange, struct status_page *page)
{
	for (int index = 0; index < SHM_SLOTS; index++)
		show(page, &exchange->bars[page->dcid][index], index - SHM_TASKS);
	show_any(page);
}

bool exchange_barred(const struct exchange *exchange, const struct exchange_channel *channel,
		     int side, uint64_t word)
{
	const struct exchange_bars *bars =
		&exchange->bars[channel->dcid][shm_index(channel->p_nr[side])];
	enum line_op op = line_word_op(word);

	assert(side == 0 || side == 1);
	if (!line_word_is_waiting(word) || op == LINE_OP_ANSWER)
		return false;
	if (line_word_seq(word) == channel->passed[side])
		return false;
	return op == LINE_OP_NONE || op >= SHM_BARS || is_barred(bars, channel->p_nr[1 - side], op);
}

bool exchange_notify_barred(const struct exchange *exchange, const struct exchange_channel *channel,
			    int side)
{
	return is_barred(&exchange->bars[channel->dcid][shm_index(channel->p_nr[side])],
			 channel->p_nr[1 - side], LINE_OP_NONE);
}

/* The owner sees that nobody took it. */
static void withdraw(struct exchange *exchange, struct exchange_channel *channel, int side,
		     uint64_t word)
{
	struct exchange_bell *bell =
		exchange_bell_find(exchange, channel->dcid, channel->p_nr[side]);

	line_withdraw_here(&channel->page->line[side], line_word_seq(word));
	if (bell)
		exchange_ring(exchange, bell, channel->p_nr[1 - side]);
}

/* The word is looked at in the image: its owner may have changed the line in between. */
bool exchange_let_pass(struct exchange *exchange, struct exchange_channel *channel, int side,
		       const struct line_image *image)
{
	assert(side == 0 || side == 1);
	if (exchange_barred(exchange, channel, side, image->word)) {
		withdraw(exchange, channel, side, image->word);
		return false;
	}
	channel->passed[side] = line_word_seq(image->word);
	return true;
}

bool exchange_export(struct exchange *exchange, struct exchange_channel *channel, int side,
		     struct line_image *image)
{
	return line_export(&channel->page->line[side], image) &&
	       exchange_let_pass(exchange, channel, side, image);
}

/* It is at another node, which decides: asked as its owner would ask. */
static void ask_back(struct exchange *exchange, struct exchange_channel *channel, int side)
{
	struct exchange_bell *receiver =
		exchange_bell_find(exchange, channel->dcid, channel->p_nr[1 - side]);

	assert(channel->passed[side]);
	atomic_store(&channel->page->withdraw[side], channel->passed[side]);
	if (receiver)
		exchange_ring(exchange, receiver, channel->p_nr[side]);
}

/* Messages that wait when the right goes, or the sender. */
static void sweep(struct exchange *exchange, struct exchange_channel *channel, int side, bool stays)
{
	struct notify_word *note = &channel->page->notify[side];
	uint64_t word = atomic_load_explicit(&channel->page->line[side].word, memory_order_acquire);
	uint64_t passed = channel->passed[side];
	struct notify_image image;

	if (exchange_barred(exchange, channel, side, word))
		withdraw(exchange, channel, side, word);
	else if (stays && passed && line_word_seq(word) == passed &&
		 line_word_state(word) == LINE_SENT)
		ask_back(exchange, channel, side);
	if (exchange_notify_barred(exchange, channel, side))
		notify_take(note, false, &image);
}

void exchange_bars_set(struct exchange *exchange, int dcid, int p_nr,
		       const struct exchange_bars *bars)
{
	static const struct exchange_bars none;
	struct exchange_bars *own = &exchange->bars[dcid][shm_index(p_nr)];
	struct exchange_channel *at = NULL;

	assert(exchange_slot_valid(dcid, p_nr));
	/*
	 * Before they are lifted, too: a message that an endpoint has written here after it left is not sent.
	 */
	*own = bars ? *bars : *own;
	while (memcmp(own, &none, sizeof(none)) && (at = exchange_next(exchange, dcid, p_nr, at)))
		sweep(exchange, at, exchange_side(at, p_nr), bars);
	*own = bars ? *bars : none;
	for (struct exchange_status *status = exchange->statuses; status; status = status->next)
		if (status->dcid == dcid) {
			show(status->page, own, p_nr);
			show_any(status->page);
		}
}
