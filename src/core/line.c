/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The lattice of one line. Every change of the word is one compare-and-swap, so that of two
 * parties who want different things (taken or withdrawn, closed or answered) exactly one gets its
 * way and the other one sees so in the word that is returned.
 *
 *	                owner                  daemon                  receiver
 *	free --------- line_post ------------> (line_merge)
 *	FULL --------- line_withdraw --------> WITHDRAWN
 *	FULL ----------------- line_mark_sent -----> SENT
 *	SENT --------------- line_unmark_sent -----> FULL
 *	FULL, SENT --------- line_withdraw_here ---> WITHDRAWN
 *	FULL, SENT ------------------------------------ line_take -----> TAKEN
 *	TAKEN (request) line_close --------------------- line_answered -> DONE
 *
 * Only a line that its receiver will not read is written: post demands a free line, and merge
 * withdraws what is left of an older sequence before it writes a newer one.
 */

#include <stdatomic.h>
#include <stddef.h>

#include "core/assert.h"
#include "core/line.h"

/* Attempts of a compare-and-swap that only the other party's own changes can make fail. */
#define LINE_ATTEMPTS 64

#define MESSAGE_WORDS (sizeof(message) / sizeof(uint64_t))
_Static_assert(sizeof(message) % sizeof(uint64_t) == 0, "messages are copied by words");
_Static_assert(offsetof(struct line, msg) % sizeof(uint64_t) == 0, "messages are aligned");

typedef uint64_t message_word __attribute__((may_alias));

/*
 * The bytes of a message may be read while their owner writes them: the reader finds out from the word
 * afterwards. Word by word and relaxed, so that this is no data race; the order comes from the accesses to the
 * line's word.
 */
static void message_load(message *to, const message *from)
{
	CORE_ASSERT(to != from);
	message_word *d = (message_word *)to;
	const message_word *s = (const message_word *)from;

	for (size_t i = 0; i < MESSAGE_WORDS; i++)
		d[i] = __atomic_load_n(&s[i], __ATOMIC_RELAXED);
}

static void message_store(message *to, const message *from)
{
	CORE_ASSERT(to != from);
	message_word *d = (message_word *)to;
	const message_word *s = (const message_word *)from;

	for (size_t i = 0; i < MESSAGE_WORDS; i++)
		__atomic_store_n(&d[i], s[i], __ATOMIC_RELAXED);
}

uint64_t line_word(uint64_t seq, enum line_state state, enum line_op op, int result)
{
	CORE_ASSERT(state <= LINE_WITHDRAWN);
	CORE_ASSERT(result <= 0 && result >= -(int)LINE_RESULT_MASK);
	return (seq & LINE_SEQ_MASK) << LINE_SEQ_SHIFT | (uint64_t)state << LINE_STATE_SHIFT |
	       ((uint64_t)op & 0xffu) << LINE_OP_SHIFT | (uint64_t)(-result);
}

/* The two ends of a sequence rank alike: each was decided once, and neither replaces the other. */
static int state_rank(enum line_state state)
{
	switch (state) {
	case LINE_FREE:
		return 0;
	case LINE_FULL:
	case LINE_SENT:
		return 1;
	case LINE_TAKEN:
		return 2;
	case LINE_DONE:
	case LINE_WITHDRAWN:
		break;
	}
	return 3;
}

int line_word_compare(uint64_t a, uint64_t b)
{
	int rank_a = state_rank(line_word_state(a));
	int rank_b = state_rank(line_word_state(b));
	uint64_t ahead = (line_word_seq(a) - line_word_seq(b)) & LINE_SEQ_MASK;

	/* A line never used is older than any sequence, however far the other end has counted. */
	if (!rank_a || !rank_b)
		return (rank_a > 0) - (rank_b > 0);
	if (ahead)
		return ahead <= LINE_SEQ_MASK / 2 ? 1 : -1;
	return (rank_a > rank_b) - (rank_a < rank_b);
}

static uint64_t word_with(uint64_t word, enum line_state state, int result)
{
	uint64_t made = line_word(line_word_seq(word), state, line_word_op(word), result);

	CORE_ASSERT(line_word_seq(made) == line_word_seq(word));
	CORE_ASSERT(line_word_state(made) == state);
	return made;
}

/*
 * One step of the word. Acquire: the word of the other party is followed by reading what it wrote.
 * Release: all reads and writes before it are complete for a party that sees the new word; the partner is the
 * acquire in every load of a word.
 */
static bool word_swap(struct line *line, uint64_t *expected, uint64_t desired)
{
	return atomic_compare_exchange_strong_explicit(&line->word, expected, desired,
						       memory_order_acq_rel, memory_order_acquire);
}

uint64_t line_post(struct line *line, enum line_op op, const message *msg, uint64_t aux)
{
	uint64_t word = line_word_now(line);
	uint64_t seq = (line_word_seq(word) + 1) & LINE_SEQ_MASK;

	CORE_ASSERT(line_word_seq(word) <= LINE_SEQ_MASK);
	CORE_ASSERT(op != LINE_OP_NONE);
	/* The page belongs to the peer as well: that it reads as free is the caller's check, and
	 * posting over a scribbled line spoils nothing but this conversation. */
	atomic_store_explicit(&line->aux, aux, memory_order_relaxed);
	message_store(&line->msg, msg);
	atomic_store_explicit(&line->word, line_word(seq, LINE_FULL, op, 0), memory_order_release);
	return seq;
}

uint64_t line_withdraw(struct line *line, uint64_t seq)
{
	uint64_t word = line_word_now(line);

	CORE_ASSERT(seq <= LINE_SEQ_MASK);
	while (line_word_seq(word) == seq && line_word_state(word) == LINE_FULL) {
		uint64_t withdrawn = word_with(word, LINE_WITHDRAWN, 0);

		if (word_swap(line, &word, withdrawn))
			return withdrawn;
	}
	return word;
}

uint64_t line_close(struct line *line, uint64_t seq, int result)
{
	uint64_t word = line_word_now(line);
	uint64_t closed;

	CORE_ASSERT(seq <= LINE_SEQ_MASK);
	CORE_ASSERT(result <= 0);
	if (line_word_seq(word) != seq || !line_word_is_owed(word))
		return word;
	closed = word_with(word, LINE_DONE, result);
	CORE_ASSERT(line_word_seq(closed) == seq);
	return word_swap(line, &word, closed) ? closed : word;
}

bool line_peek(const struct line *line, struct line_image *image)
{
	line_snapshot(line, image);
	return line_word_is_waiting(image->word);
}

/* Fails if the owner withdrew it, or the daemon marked it meanwhile: *word says so. */
static bool take_step(struct line *line, uint64_t *word, struct line_image *image)
{
	image->word = word_with(*word, LINE_TAKEN, 0);
	image->aux = atomic_load_explicit(&line->aux, memory_order_relaxed);
	message_load(&image->msg, &line->msg);
	return word_swap(line, word, image->word);
}

bool line_take(struct line *line, struct line_image *image)
{
	uint64_t word = line_word_now(line);

	for (unsigned i = 0; i < LINE_ATTEMPTS && line_word_is_waiting(word); i++) {
		if (take_step(line, &word, image))
			return true;
	}
	return false;
}

static bool is_same_message(uint64_t a, uint64_t b)
{
	return line_word_seq(a) == line_word_seq(b) && line_word_op(a) == line_word_op(b);
}

bool line_take_seen(struct line *line, uint64_t seen, struct line_image *image)
{
	uint64_t word = seen;

	for (unsigned i = 0; i < LINE_ATTEMPTS && line_word_is_waiting(word); i++) {
		if (take_step(line, &word, image))
			return true;
		if (!is_same_message(word, seen))
			return false;
	}
	return false;
}

bool line_answered(struct line *line, uint64_t seq)
{
	uint64_t word = line_word_now(line);

	if (line_word_seq(word) != seq || line_word_op(word) != LINE_OP_SENDREC)
		return false;
	if (line_word_is_owed(word) && word_swap(line, &word, word_with(word, LINE_DONE, 0)))
		return true;
	return line_word_seq(word) == seq && line_word_state(word) == LINE_DONE &&
	       line_word_result(word) == 0;
}

void line_snapshot(const struct line *line, struct line_image *image)
{
	uint64_t word = line_word_now(line);

	for (unsigned i = 0; i < LINE_ATTEMPTS; i++) {
		image->word = word;
		image->aux = atomic_load_explicit(&line->aux, memory_order_relaxed);
		message_load(&image->msg, &line->msg);
		/* Keeps the loads above before the second look; partner: release of the word. */
		atomic_thread_fence(memory_order_acquire);
		word = atomic_load_explicit(&line->word, memory_order_acquire);
		if (word == image->word)
			return;
	}
}

uint64_t line_mark_sent(struct line *line)
{
	uint64_t word = line_word_now(line);

	for (unsigned i = 0; i < LINE_ATTEMPTS && line_word_state(word) == LINE_FULL; i++) {
		uint64_t sent = word_with(word, LINE_SENT, 0);

		if (word_swap(line, &word, sent))
			return sent;
	}
	return word;
}

uint64_t line_unmark_sent(struct line *line)
{
	uint64_t word = line_word_now(line);
	uint64_t full;

	if (line_word_state(word) != LINE_SENT)
		return word;
	full = word_with(word, LINE_FULL, 0);
	return word_swap(line, &word, full) ? full : word;
}

bool line_export(struct line *line, struct line_image *image)
{
	for (unsigned i = 0; i < LINE_ATTEMPTS; i++) {
		uint64_t word = line_mark_sent(line);

		line_snapshot(line, image);
		/* A message posted after the mark is not to be copied on unmarked. */
		if (image->word == word && line_word_state(word) != LINE_FULL)
			return true;
	}
	return false;
}

uint64_t line_withdraw_here(struct line *line, uint64_t seq)
{
	uint64_t word = line_word_now(line);

	for (unsigned i = 0; i < LINE_ATTEMPTS; i++) {
		uint64_t withdrawn;

		if (line_word_seq(word) != seq || !line_word_is_waiting(word))
			break;
		withdrawn = word_with(word, LINE_WITHDRAWN, 0);
		if (word_swap(line, &word, withdrawn))
			return withdrawn;
	}
	return word;
}

uint64_t line_end(struct line *line, int before_taken, int after_taken)
{
	uint64_t word = line_word_now(line);

	CORE_ASSERT(before_taken <= 0);
	CORE_ASSERT(after_taken <= 0);
	for (unsigned i = 0; i < LINE_ATTEMPTS && !line_word_is_free(word); i++) {
		uint64_t ended = word_with(word, LINE_DONE,
					   line_word_is_waiting(word) ? before_taken : after_taken);

		if (word_swap(line, &word, ended))
			return ended;
	}
	return word;
}

/* The newer sequence's bytes may replace the older one's only if nobody can take those any more. */
static bool merge_clear(struct line *line, uint64_t *word)
{
	uint64_t withdrawn = word_with(*word, LINE_WITHDRAWN, 0);

	if (!line_word_is_waiting(*word))
		return true;
	if (!word_swap(line, word, withdrawn))
		return false;
	*word = withdrawn;
	return true;
}

bool line_merge(struct line *line, const struct line_image *remote, bool at_receiver)
{
	enum line_state state = line_word_state(remote->word);
	uint64_t word = line_word_now(line);
	uint64_t joined;

	if (state == LINE_FULL || state == LINE_SENT)
		state = at_receiver ? LINE_FULL : LINE_SENT;
	joined = word_with(remote->word, state, line_word_result(remote->word));
	CORE_ASSERT(line_word_state(joined) == state);
	for (unsigned i = 0; i < LINE_ATTEMPTS && line_word_compare(joined, word) > 0; i++) {
		if (line_word_state(word) == LINE_FREE ||
		    line_word_seq(word) != line_word_seq(joined)) {
			if (!merge_clear(line, &word))
				continue;
			atomic_store_explicit(&line->aux, remote->aux, memory_order_relaxed);
			message_store(&line->msg, &remote->msg);
		}
		if (word_swap(line, &word, joined))
			return true;
	}
	/* A message that another replica holds untaken has left: its owner may not withdraw it by himself. */
	if (state == LINE_SENT && line_word_seq(word) == line_word_seq(joined))
		line_mark_sent(line);
	return false;
}
