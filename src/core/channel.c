/* SPDX-License-Identifier: Apache-2.0 */
#include "core/channel.h"

#include <stdatomic.h>
#include <string.h>

#include "core/assert.h"
#include "core/notify.h"

bool channel_hold(struct channel_page *page, int side)
{
	CORE_ASSERT(side == 0 || side == 1);
	atomic_store(&page->node[side], -1);
	/* Partner: a copier says so in copy_busy and then looks at copy_pid again. */
	atomic_store(&page->copy_pid[side], 0);
	line_mark_sent(&page->line[1 - side]);
	return atomic_load(&page->copy_busy[side]) != 0;
}

/* Decides what the sender could not decide by itself. True: it has its message back. */
static bool decide(struct channel_page *page, int sender)
{
	struct line *line = &page->line[sender];
	uint64_t wanted = atomic_load(&page->withdraw[sender]);

	CORE_ASSERT(sender == 0 || sender == 1);
	if (!wanted || wanted != line_word_seq(line_word_now(line)))
		return false;
	line_withdraw_here(line, wanted);
	return true;
}

bool channel_unhold(struct channel_page *page, int side, int node, int copy_pid)
{
	CORE_ASSERT(side == 0 || side == 1);
	CORE_ASSERT(node >= 0);
	atomic_store(&page->node[side], node);
	atomic_store(&page->copy_pid[side], copy_pid);
	line_unmark_sent(&page->line[1 - side]);
	/* Partner: the sender's fence between setting withdraw and looking at the word. */
	atomic_thread_fence(memory_order_seq_cst);
	return decide(page, 1 - side);
}

/* The answer which the dead end had posted to this request of the survivor, if any. */
static bool is_answered(const struct line *of_dead, uint64_t request)
{
	struct line_image answer;

	line_snapshot(of_dead, &answer);
	return line_word_op(answer.word) == LINE_OP_ANSWER && line_word_is_owed(request) &&
	       (answer.aux & LINE_SEQ_MASK) == line_word_seq(request);
}

void channel_end(struct channel_page *page, int side)
{
	struct line *of_dead = &page->line[side];
	struct line *of_survivor = &page->line[1 - side];
	uint64_t request = line_word_now(of_survivor);
	uint64_t left = line_word_now(of_dead);

	CORE_ASSERT(side == 0 || side == 1);
	if (is_answered(of_dead, request))
		line_answered(of_survivor, line_word_seq(request));
	else
		line_end(of_survivor, EDVSDSTDIED, EDVSSRCDIED);
	if (line_word_op(left) != LINE_OP_ANSWER)
		line_end(of_dead, EDVSSRCDIED, EDVSSRCDIED);
	atomic_store(&page->copy_pid[side], 0);
	/* After the lines: a reader that sees the mark finds them ended. */
	atomic_fetch_or(&page->dead, 1u << side);
}

void channel_pack(struct channel_page *page, int side, struct channel_image *image)
{
	int by_place[2] = { side, 1 - side };

	CORE_ASSERT(side == 0 || side == 1);
	line_snapshot(&page->line[side], &image->line[0]);
	/*
	 * A peer on this node may have posted since the hold and could still take that back by itself while the
	 * other node delivers it: the line is marked before it leaves.
	 */
	if (!line_export(&page->line[1 - side], &image->line[1]))
		memset(&image->line[1], 0, sizeof(image->line[1]));
	CORE_ASSERT(line_word_state(image->line[1].word) != LINE_FULL);
	for (int i = 0; i < 2; i++) {
		notify_snapshot(&page->notify[by_place[i]], &image->notify[i]);
		image->withdraw[i] = atomic_load(&page->withdraw[by_place[i]]);
	}
}

/*
 * Each line is merged, never copied: if the peer lives here the page may know more (I2). Lines towards the end
 * that has come end here now, so a message that waits is FULL; its own lines towards a peer elsewhere are SENT,
 * because the peer's node may have the message already and only there can it be withdrawn.
 */
void channel_unpack(struct channel_page *page, int side, const struct channel_image *image,
		    bool peer_here)
{
	CORE_ASSERT(side == 0 || side == 1);
	line_merge(&page->line[side], &image->line[0], peer_here);
	line_merge(&page->line[1 - side], &image->line[1], true);
	notify_merge(&page->notify[side], &image->notify[0]);
	notify_merge(&page->notify[1 - side], &image->notify[1]);
	if (image->withdraw[0])
		atomic_store(&page->withdraw[side], image->withdraw[0]);
	/* A wish of a peer that is here is in the page already, and newer. */
	if (image->withdraw[1] && !atomic_load(&page->withdraw[1 - side]))
		atomic_store(&page->withdraw[1 - side], image->withdraw[1]);
}

void channel_begin(struct channel_page *page, int side)
{
	static const message nothing;
	struct line *own = &page->line[side];

	CORE_ASSERT(side == 0 || side == 1);
	if (!line_word_is_free(line_word_now(own)))
		return;
	/* An answer to nothing: nobody takes one, and it is asked back at once. */
	atomic_store(&page->withdraw[side], line_post(own, LINE_OP_ANSWER, &nothing, 0));
	line_mark_sent(own);
}

/*
 * Does the end that is here wait for the present state of the line? For a message that came; for the fate of
 * its own one. Not for its request being taken or its answer being read: as between two processes of one node,
 * who ring nobody for that.
 */
static bool is_waited_for(const struct channel_page *page, int side, int here)
{
	uint64_t word = line_word_now(&page->line[side]);
	enum line_state state = line_word_state(word);
	enum line_op op = line_word_op(word);

	CORE_ASSERT(side == 0 || side == 1);
	CORE_ASSERT(here == 0 || here == 1);
	if (side != here)
		return line_word_is_waiting(word);
	if (atomic_load(&page->withdraw[side]) == line_word_seq(word))
		return true;
	if (state == LINE_TAKEN)
		return op != LINE_OP_SENDREC && op != LINE_OP_ANSWER;
	return state != LINE_DONE || line_word_result(word);
}

bool channel_merge_line(struct channel_page *page, struct channel_told *told, int side,
			const struct line_image *image, uint64_t withdraw, int here)
{
	struct line *line = &page->line[side];
	bool waited_for = line_merge(line, image, side != here) && is_waited_for(page, side, here);
	uint64_t word = line_word_now(line);

	CORE_ASSERT(side == 0 || side == 1);
	CORE_ASSERT(here == 0 || here == 1);
	if (side != here && withdraw && withdraw == line_word_seq(word)) {
		line_withdraw_here(line, withdraw);
		/* The owner that asked is told how it ended, also if it had been told before. */
		told->word[side] = 0;
	} else if (!line_word_compare(word, image->word)) {
		told->word[side] = word;
	}
	return waited_for;
}

static bool merge_fate(struct channel_page *page, struct channel_told *told, uint64_t fate,
		       int here)
{
	const struct line_image image = { .word = fate };
	uint64_t word = line_word_now(&page->line[here]);

	CORE_ASSERT(here == 0 || here == 1);
	/* Nothing of the message comes with it: one that is not here must not be made of it. */
	if (!fate || line_word_seq(fate) != line_word_seq(word) ||
	    line_word_state(word) == LINE_FREE || line_word_is_waiting(fate))
		return false;
	return channel_merge_line(page, told, here, &image, 0, here);
}

bool channel_merge_both(struct channel_page *page, struct channel_told *told,
			const struct line_image *image, uint64_t withdraw, uint64_t fate, int here)
{
	bool waited_for = false;

	CORE_ASSERT(here == 0 || here == 1);
	/*
	 * An answer comes before the end of the request that it answers: the end finds it. A message comes after
	 * the news that frees the line which its answer needs.
	 */
	if (line_word_op(image->word) != LINE_OP_ANSWER)
		waited_for = merge_fate(page, told, fate, here);
	waited_for |= channel_merge_line(page, told, 1 - here, image, withdraw, here);
	if (line_word_op(image->word) == LINE_OP_ANSWER)
		waited_for |= merge_fate(page, told, fate, here);
	return waited_for;
}

bool channel_merge_notify(struct channel_page *page, struct channel_told *told, int side,
			  const struct notify_image *image, int here)
{
	struct notify_word *word = &page->notify[side];
	bool waited_for = notify_merge(word, image) && side != here;

	CORE_ASSERT(side == 0 || side == 1);
	CORE_ASSERT(here == 0 || here == 1);
	if (atomic_load(&word->posted) == image->posted)
		told->posted[side] = image->posted;
	if (atomic_load(&word->taken) == image->taken)
		told->taken[side] = image->taken;
	return waited_for;
}

uint64_t channel_wanted_back(const struct channel_page *page, int side, uint64_t word)
{
	uint64_t wanted = atomic_load(&page->withdraw[side]);

	CORE_ASSERT(side == 0 || side == 1);
	return line_word_is_waiting(word) && wanted == line_word_seq(word) ? wanted : 0;
}

bool channel_line_untold(const struct channel_page *page, const struct channel_told *told, int side,
			 int here)
{
	uint64_t word = line_word_now(&page->line[side]);
	uint64_t wanted;

	CORE_ASSERT(side == 0 || side == 1);
	CORE_ASSERT(here == 0 || here == 1);
	/* Of a line that is not the own end's there is something to tell once it has been decided. */
	if (line_word_state(word) == LINE_FREE || (side != here && line_word_is_waiting(word)))
		return false;
	if (word != told->word[side])
		return true;
	wanted = side == here ? channel_wanted_back(page, side, word) : 0;
	return wanted && wanted != told->withdraw[side];
}

uint64_t channel_fate(const struct channel_page *page, const struct channel_told *told, int side)
{
	uint64_t word = line_word_now(&page->line[side]);

	CORE_ASSERT(side == 0 || side == 1);
	if (!told->word[side] || word == told->word[side] || line_word_is_waiting(word))
		return 0;
	return line_word_seq(word) == line_word_seq(told->word[side]) ? word : 0;
}

bool channel_line_urgent(const struct channel_page *page, const struct channel_told *told, int side,
			 int here)
{
	uint64_t word = line_word_now(&page->line[side]);
	enum line_op op = line_word_op(word);

	CORE_ASSERT(here == 0 || here == 1);
	if (!channel_line_untold(page, told, side, here))
		return false;
	/* Asked for, or never said on this connection. */
	if (line_word_is_waiting(word) || !told->word[side])
		return true;
	if (line_word_state(word) == LINE_DONE)
		return line_word_result(word) != 0;
	if (side == here)
		return line_word_state(word) != LINE_WITHDRAWN;
	return line_word_state(word) != LINE_TAKEN ||
	       (op != LINE_OP_SENDREC && op != LINE_OP_ANSWER);
}

bool channel_notify_untold(const struct channel_page *page, const struct channel_told *told,
			   int side)
{
	const struct notify_word *word = &page->notify[side];

	CORE_ASSERT(side == 0 || side == 1);
	return atomic_load(&word->posted) != told->posted[side] ||
	       atomic_load(&word->taken) != told->taken[side];
}

bool channel_awaits_take(const struct channel_page *page, int side)
{
	uint64_t word = line_word_now(&page->line[side]);
	enum line_op op = line_word_op(word);

	CORE_ASSERT(side == 0 || side == 1);
	return line_word_is_waiting(word) && (op == LINE_OP_SENDREC || op == LINE_OP_ANSWER);
}
