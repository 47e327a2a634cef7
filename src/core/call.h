/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_CORE_CALL_H
#define DVS_CORE_CALL_H

/*
 * The calls, cut into steps over a channel page. A step never waits and never rings: it says what it found, and
 * its caller (libdvk/, or a program of the simulator) waits for a change of one of the two lines, rings, and
 * steps again. `side` is the caller's own one; between two steps the process may move.
 *
 *	send      room -> post SEND -> fate ... taken, ended, or late: take back -> fate
 *	reply     room -> post REPLY -> as send; only a receiver that waits for just this peer takes it
 *	sendrec   room -> post SENDREC -> answer, fate ... late: take back -> fate, give up
 *	answer    is it owed -> room -> post ANSWER -> line_answered(); if that fails: take back -> fate
 *	receive   receipt -> line_take()
 *
 * Two that call each other: the one on side 0 takes its request back and takes the other's as its answer; the
 * other then waits for the answer to its own message. One rule for both, so that they never both step back, nor
 * both stay.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/line.h"
#include "wire/shm.h"

static inline struct line *call_own(struct channel_page *page, int side)
{
	return &page->line[side];
}

static inline struct line *call_peer(struct channel_page *page, int side)
{
	return &page->line[1 - side];
}

enum call_room {
	CALL_ROOM_FREE,	  /* the next message can be posted */
	CALL_ROOM_MADE,	  /* something was taken back: step again */
	CALL_ROOM_CLOSED, /* a request that was given up is over: tell a peer elsewhere, step again */
	CALL_ROOM_AWAITED, /* an answer that the peer is about to take, which rings nobody */
	CALL_ROOM_ASKED,   /* asked for the message back: ring */
	CALL_ROOM_WAIT,	   /* asked before: nothing is decided yet */
};

/*
 * One attempt to free our line of a message that an earlier call or an earlier image of the process left in it.
 * An answer that the peer waits for stays. word: of our line, as last seen.
 */
enum call_room call_make_room(struct channel_page *page, int side, uint64_t word);

/* Asks the receiver's node to give our message back. True: it was not asked yet, ring. */
bool call_ask_back(struct channel_page *page, int side, uint64_t seq);

/* Takes our message back, or asks for it. The word afterwards; *askedp: ring. */
uint64_t call_take_back(struct channel_page *page, int side, uint64_t seq, bool *askedp);

#define CALL_E_TAKEN	1 /* the receiver has it */
#define CALL_E_ANSWERED 2 /* a request that was answered: the answer is there, or on its way */
#define CALL_E_BACK	3 /* for `back`: it was given back, though its owner did not want that */
/*
 * Reads from our line how the message of this sequence fares. 0: nothing is decided yet. back: it was given
 * back, nobody has seen it; lost: the line is about another message, because the peer has scribbled on it. Else
 * one of the above, or the error with which it ended.
 */
int call_fate(uint64_t word, uint64_t seq, int back, int lost);

/*
 * Two plain senders that wait for each other: a ring of two, which both of them see at once. As in a longer one
 * (core/waits.h) the one with the greater slot is refused, once its message is its own again. Of a sender whose
 * message waits; peer_word: of the peer's line.
 */
static inline bool call_is_locked(int side, uint64_t peer_word)
{
	return side == 1 && line_word_is_waiting(peer_word) &&
	       line_word_op(peer_word) == LINE_OP_SEND;
}

struct call_request {
	uint64_t seq;
	bool posted;
};

enum call_answer {
	CALL_ANSWER_NONE, /* nothing for us */
	CALL_ANSWER_REFUSED, /* it was not for this request, and is given back: tell a peer that watches */
	CALL_ANSWER_HERE, /* take it, then call_finish() with 0 */
	CALL_ANSWER_INSTEAD, /* a message that counts as the answer: take it, then call_finish() with an error */
};

/*
 * The message in the peer's line, for a caller that waits for the answer or is about to ask. peer_word: of the
 * peer's line; 0 if the message there may not be taken. *askedp: our request is asked back, ring. A request
 * that was taken back is posted no more.
 */
enum call_answer call_look_for_answer(struct channel_page *page, int side,
				      struct call_request *request, uint64_t peer_word,
				      bool *askedp);
/* The request has had its answer, whatever the replica here still says of it. Tell a peer elsewhere of an error. */
void call_finish(struct channel_page *page, int side, const struct call_request *request,
		 int result);
/* A request that was taken is given up. CALL_E_ANSWERED: its answer was faster; else why. */
int call_give_up(struct channel_page *page, int side, uint64_t seq, int why);

/* The peer waits for our answer to its request of this sequence. */
bool call_is_owed(struct channel_page *page, int side, uint64_t request);

enum call_receipt {
	CALL_RECEIPT_NONE,
	CALL_RECEIPT_REFUSED, /* nobody waits for it, and it is given back: tell a peer that watches */
	CALL_RECEIPT_HERE,    /* take it */
};

/* The message in the peer's line, for a receiver; any: it does not wait for just this peer. */
enum call_receipt call_look_to_receive(struct channel_page *page, int side, uint64_t peer_word,
				       bool any);
/* Gives the peer's message of this word back: WITHDRAWN and not TAKEN, so it knows that nobody had it. */
void call_refuse(struct channel_page *page, int side, uint64_t peer_word);

#endif
