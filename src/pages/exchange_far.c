/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Far ends (invariant I3): the daemon takes the ends of a process that is about to move, gives
 * them back or to the process that has come, and ends what a dead endpoint leaves.
 */

#include <stdatomic.h>

#include "pages/exchange_table.h"

/* The answer which the dead side had posted to this request of the survivor, if any. */
static bool is_answered(struct line *answer_line, uint64_t request)
{
	struct line_image answer;

	line_snapshot(answer_line, &answer);
	return line_word_op(answer.word) == LINE_OP_ANSWER &&
	       (uint32_t)answer.aux == (uint32_t)line_word_seq(request) &&
	       line_word_state(request) == LINE_TAKEN && line_word_op(request) == LINE_OP_SENDREC;
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

void exchange_channel_end(struct exchange *exchange, struct exchange_channel *channel,
			  int dead_side)
{
	struct channel_page *page = channel->page;
	struct line *of_dead = &page->line[dead_side];
	struct line *of_survivor = &page->line[1 - dead_side];
	uint64_t request = atomic_load_explicit(&of_survivor->word, memory_order_acquire);
	uint64_t left = atomic_load_explicit(&of_dead->word, memory_order_acquire);
	struct exchange_bell *bell;

	if (is_answered(of_dead, request))
		line_answered(of_survivor, line_word_seq(request));
	else
		line_end(of_survivor, EDVSDSTDIED, EDVSSRCDIED);
	if (line_word_op(left) != LINE_OP_ANSWER)
		line_end(of_dead, EDVSSRCDIED, EDVSSRCDIED);
	atomic_store(&page->copy_pid[dead_side], 0);
	/* After the lines: who sees the mark finds them ended. */
	show_ended(exchange, channel, dead_side);
	atomic_fetch_or(&page->dead, 1u << dead_side);
	bell = exchange_bell_find(exchange, channel->dcid, channel->p_nr[1 - dead_side]);
	if (bell)
		exchange_ring(exchange, bell, channel->p_nr[dead_side]);
}

static void bell_forget(struct exchange_bell *bell)
{
	exchange_bell_hold(bell, BELL_DAEMON);
	for (int i = 0; i < SHM_NEWS_WORDS; i++)
		atomic_store(&bell->page->news[i], 0);
}

void exchange_endpoint_dead(struct exchange *exchange, int dcid, int p_nr, int endpoint)
{
	struct exchange_channel *channel = exchange_next(exchange, dcid, p_nr, NULL);
	struct exchange_bell *bell = exchange_bell_find(exchange, dcid, p_nr);

	while (channel) {
		struct exchange_channel *next = exchange_next(exchange, dcid, p_nr, channel);
		int side = exchange_side(channel, p_nr);

		if (channel->endpoint[side] == endpoint) {
			exchange_channel_end(exchange, channel, side);
			exchange_channel_drop(exchange, channel);
		}
		channel = next;
	}
	if (bell)
		bell_forget(bell);
}

int exchange_hold(struct exchange *exchange, int dcid, int p_nr)
{
	struct exchange_bell *bell = exchange_bell_find(exchange, dcid, p_nr);
	struct exchange_channel *at = NULL;
	int copies = 0;

	if (bell)
		exchange_bell_hold(bell, BELL_DAEMON);
	while ((at = exchange_next(exchange, dcid, p_nr, at))) {
		int side = exchange_side(at, p_nr);

		atomic_store(&at->page->node[side], -1);
		/* Partner: who copies says so in copy_busy and then looks at copy_pid again. */
		atomic_store(&at->page->copy_pid[side], 0);
		copies += atomic_load(&at->page->copy_busy[side]) != 0;
		line_mark_sent(&at->page->line[1 - side]);
	}
	return copies;
}

/* The receiver is here again: decides what the sender could not decide by itself meanwhile. */
static void withdraw_decide(struct exchange *exchange, struct exchange_channel *channel, int sender)
{
	struct channel_page *page = channel->page;
	struct exchange_bell *bell;
	uint64_t wanted, word;

	line_unmark_sent(&page->line[sender]);
	/* Partner: the sender's fence between setting withdraw and looking at the word. */
	atomic_thread_fence(memory_order_seq_cst);
	wanted = atomic_load(&page->withdraw[sender]);
	word = atomic_load(&page->line[sender].word);
	if (!wanted || wanted != line_word_seq(word))
		return;
	line_withdraw_here(&page->line[sender], wanted);
	bell = exchange_bell_find(exchange, channel->dcid, channel->p_nr[sender]);
	if (bell)
		exchange_ring(exchange, bell, channel->p_nr[1 - sender]);
}

void exchange_unhold(struct exchange *exchange, int dcid, int p_nr, int copy_pid)
{
	struct exchange_bell *bell = exchange_bell_find(exchange, dcid, p_nr);
	struct exchange_channel *at = NULL;

	if (bell)
		exchange_bell_hold(bell, BELL_PROCESS);
	while ((at = exchange_next(exchange, dcid, p_nr, at))) {
		int side = exchange_side(at, p_nr);

		atomic_store(&at->page->node[side], exchange->nodeid);
		atomic_store(&at->page->copy_pid[side], copy_pid);
		withdraw_decide(exchange, at, 1 - side);
		/* What is here is decided here, whether or not it was on its way elsewhere. */
		at->passed[1 - side] = 0;
		if (bell)
			exchange_ring(exchange, bell, at->p_nr[1 - side]);
	}
	if (bell)
		exchange_poke(bell);
}
