/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_LINE_H
#define DVS_CORE_LINE_H

/*
 * A line carries the messages of one endpoint to one other, one at a time (invariants I1, I2).
 *
 *	word:  63..24 sequence | 23..20 state | 19..12 operation | 11..0 -result
 *
 *	FULL < SENT < TAKEN < DONE(result)      FULL or SENT < WITHDRAWN
 *
 * FULL       the owner's message is there, and this replica is the receiver's, or nobody has
 *            copied the message on yet: the owner may still withdraw it by itself.
 * SENT       the replica that the receiver looks at is elsewhere, or the receiver is being moved.
 *            To get the message back the owner has to ask (channel_page.withdraw).
 * TAKEN      the receiver has it. For a request (LINE_OP_SENDREC): it is being served.
 * DONE       ended with a result: a request that was answered (0), timed out by its caller
 *            (EDVSTIMEDOUT, EDVSINTR), or ended by a death (EDVSSRCDIED after, EDVSDSTDIED before
 *            it was taken). For other operations TAKEN is the end, DONE only follows errors.
 * WITHDRAWN  the owner has it back; the receiver never saw it.
 *
 * A line is *free* (its owner may post the next message) when its state is TAKEN and it is no
 * request, or DONE, or WITHDRAWN. A fresh page is all zero, which reads as free with sequence 0.
 *
 * Memory order: the owner stores aux and msg, then the word with release; the receiver loads the
 * word with acquire, copies, then takes with compare-and-swap (acq_rel). A failed swap means that
 * the copy is worthless. All functions are wait-free except where a bounded retry is named.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/shm.h"

enum line_state {
	LINE_FREE = 0, /* only in a line never used */
	LINE_FULL = 1,
	LINE_SENT = 2,
	LINE_TAKEN = 3,
	LINE_DONE = 4,
	LINE_WITHDRAWN = 5,
};

enum line_op {
	LINE_OP_NONE = 0,
	LINE_OP_SEND = 1,
	LINE_OP_SENDREC = 2, /* the owner waits for an answer */
	LINE_OP_REPLY = 3,   /* dvk_reply that found no open request (never queued locally) */
	LINE_OP_ANSWER = 4,  /* ends the peer's request whose sequence is in aux */
};

#define LINE_SEQ_BITS	 40
#define LINE_SEQ_SHIFT	 24
#define LINE_STATE_SHIFT 20
#define LINE_OP_SHIFT	 12
#define LINE_RESULT_MASK 0xfffu
#define LINE_SEQ_MASK	 ((UINT64_C(1) << LINE_SEQ_BITS) - 1)

uint64_t line_word(uint64_t seq, enum line_state state, enum line_op op, int result);

static inline uint64_t line_word_seq(uint64_t word)
{
	return word >> LINE_SEQ_SHIFT;
}

/* Out-of-range bits read as LINE_DONE. */
static inline enum line_state line_word_state(uint64_t word)
{
	unsigned state = (unsigned)(word >> LINE_STATE_SHIFT) & 0xfu;

	return state <= LINE_WITHDRAWN ? (enum line_state)state : LINE_DONE;
}

static inline enum line_op line_word_op(uint64_t word)
{
	return (enum line_op)(word >> LINE_OP_SHIFT & 0xffu);
}

/* 0 or a negative EDVS number. */
static inline int line_word_result(uint64_t word)
{
	return -(int)(word & LINE_RESULT_MASK);
}

/* A message is there that the receiver has not taken. */
static inline bool line_word_is_waiting(uint64_t word)
{
	enum line_state state = line_word_state(word);

	return state == LINE_FULL || state == LINE_SENT;
}

/* A request that was taken and is neither answered nor given up: the receiver owes its answer. */
static inline bool line_word_is_owed(uint64_t word)
{
	return line_word_state(word) == LINE_TAKEN && line_word_op(word) == LINE_OP_SENDREC;
}

/* The owner is inside its request: it waits for the receiver to take it, or for the answer. */
static inline bool line_word_is_request(uint64_t word)
{
	return line_word_op(word) == LINE_OP_SENDREC &&
	       (line_word_is_waiting(word) || line_word_is_owed(word));
}

/* The owner asked, and the answer to this sequence is what it waits for, or what it will find. */
static inline bool line_word_awaits(uint64_t word, uint64_t seq)
{
	enum line_state state = line_word_state(word);

	return line_word_seq(word) == seq && line_word_op(word) == LINE_OP_SENDREC &&
	       (state == LINE_TAKEN || (state == LINE_DONE && !line_word_result(word)));
}

static inline bool line_word_is_free(uint64_t word)
{
	return !line_word_is_waiting(word) && !line_word_is_owed(word);
}

/* Acquire: everything that the other party wrote before the word is then seen; partner: release of the word. */
static inline uint64_t line_word_now(const struct line *line)
{
	return atomic_load_explicit(&line->word, memory_order_acquire);
}
/*
 * Serial comparison of (sequence, state rank): <0, 0, >0. FULL and SENT rank alike, DONE and
 * WITHDRAWN too (the first of them that a replica holds stays). A line never used is below all.
 */
int line_word_compare(uint64_t a, uint64_t b);

/*
 * About to be written: brings the cache line here in a state that can be written, while the caller goes on. A
 * line that the other side has just read costs two transfers otherwise, one for the look and one for the write.
 */
static inline void line_expect_write(struct line *line)
{
#if defined(__x86_64__)
	/* As an instruction: compilers take it for an extension. Processors without it do nothing. */
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)line));
#else
	__builtin_prefetch(line, 1);
#endif
}

/* Owner: posts msg; the line must be free. Returns the new sequence. */
uint64_t line_post(struct line *line, enum line_op op, const message *msg, uint64_t aux);
/* Owner: FULL -> WITHDRAWN. Returns the word afterwards (state tells: WITHDRAWN, SENT, TAKEN..). */
uint64_t line_withdraw(struct line *line, uint64_t seq);
/* Owner of a request, second half: TAKEN -> DONE(result). Returns the word afterwards. */
uint64_t line_close(struct line *line, uint64_t seq, int result);

/*
 * Receiver: if a message of any of the operations is there (FULL or SENT), copies and takes it;
 * image->word is the word afterwards (TAKEN). Bounded retry: each needs a change by the other side.
 */
bool line_take(struct line *line, struct line_image *image);
/*
 * Receiver: the same of the message that it has looked at, which this word says: not of another one that has come
 * since. It saves a second look at the word, and a second check of the message.
 */
bool line_take_seen(struct line *line, uint64_t seen, struct line_image *image);
/* Receiver: looks only. */
bool line_peek(const struct line *line, struct line_image *image);
/* Receiver of a request: TAKEN -> DONE(0). True if it was open until now or already DONE(0). */
bool line_answered(struct line *line, uint64_t seq);

/* Daemon: reads a consistent image (bounded retry; a line its owner scribbles on is returned torn). */
void line_snapshot(const struct line *line, struct line_image *image);
/* Daemon: FULL -> SENT, before it copies the message on or moves the receiver. */
uint64_t line_mark_sent(struct line *line);
/*
 * Daemon: marks it sent and reads the image, so that no image that leaves the node holds a message
 * which its owner may still withdraw by itself: the image is never FULL. False if the owner kept
 * changing the line in between; the image is then worthless, and the next ring brings it again.
 */
bool line_export(struct line *line, struct line_image *image);
/* Daemon: SENT -> FULL: the receiver stayed after all (rollback) and this replica is the only one. */
uint64_t line_unmark_sent(struct line *line);
/* Daemon: FULL or SENT -> WITHDRAWN for this sequence, decided at the receiver's replica. */
uint64_t line_withdraw_here(struct line *line, uint64_t seq);
/* Daemon: an unfinished message -> DONE(result): before_taken for FULL/SENT, else after_taken. */
uint64_t line_end(struct line *line, int before_taken, int after_taken);

/*
 * Daemon: joins a replica received from another node, or carried by a migration, into the line:
 * the greater (sequence, state) wins; the owner's bytes come with a greater sequence. A message of an older
 * sequence that is still untaken is withdrawn first, so that nobody takes half of each. at_receiver: this is
 * the page the receiver looks at, so an arriving FULL or SENT is stored FULL; otherwise it is stored SENT, and
 * a FULL of the same sequence here becomes SENT too. Returns true if there is something new to see (the holder
 * must be rung).
 */
bool line_merge(struct line *line, const struct line_image *remote, bool at_receiver);

#endif
