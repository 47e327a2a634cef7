/* SPDX-License-Identifier: Apache-2.0 */
#include "core/call.h"

#include <stdatomic.h>

#include "core/assert.h"

bool call_ask_back(struct channel_page *page, int side, uint64_t seq)
{
	_Atomic uint64_t *withdraw = &page->withdraw[side];

	CORE_ASSERT(side == 0 || side == 1);
	if (atomic_load_explicit(withdraw, memory_order_relaxed) == seq)
		return false;
	/* Sequentially consistent: before the next look at the word; partner: channel_unhold(). */
	atomic_store(withdraw, seq);
	return true;
}

enum call_room call_make_room(struct channel_page *page, int side, uint64_t word)
{
	struct line *own = call_own(page, side);
	uint64_t seq = line_word_seq(word);

	CORE_ASSERT(side == 0 || side == 1);
	if (line_word_is_free(word))
		return CALL_ROOM_FREE;
	if (line_word_is_owed(word)) {
		/* A request whose caller had to give up before it could say so. */
		line_close(own, seq, EDVSTIMEDOUT);
		return CALL_ROOM_CLOSED;
	}
	CORE_ASSERT(line_word_is_waiting(word));
	if (line_word_op(word) == LINE_OP_ANSWER &&
	    line_word_awaits(line_word_now(call_peer(page, side)),
			     atomic_load_explicit(&own->aux, memory_order_relaxed)))
		return CALL_ROOM_AWAITED;
	if (line_word_state(word) == LINE_FULL) {
		line_withdraw(own, seq);
		return CALL_ROOM_MADE;
	}
	return call_ask_back(page, side, seq) ? CALL_ROOM_ASKED : CALL_ROOM_WAIT;
}

uint64_t call_take_back(struct channel_page *page, int side, uint64_t seq, bool *askedp)
{
	uint64_t word = line_withdraw(call_own(page, side), seq);

	CORE_ASSERT(side == 0 || side == 1);
	*askedp = line_word_seq(word) == seq && line_word_is_waiting(word) &&
		  call_ask_back(page, side, seq);
	return word;
}

int call_fate(uint64_t word, uint64_t seq, int back, int lost)
{
	CORE_ASSERT(back && lost);
	if (line_word_seq(word) != seq)
		return lost;
	switch (line_word_state(word)) {
	case LINE_WITHDRAWN:
		return back;
	case LINE_TAKEN:
		return CALL_E_TAKEN;
	case LINE_DONE:
		return line_word_result(word) ? line_word_result(word) : CALL_E_ANSWERED;
	case LINE_FREE:
	case LINE_FULL:
	case LINE_SENT:
		break;
	}
	return 0;
}

/* A message of the peer that is no answer is there: may we take it as one? */
static bool step_back(struct channel_page *page, int side, struct call_request *request, bool both,
		      bool *askedp)
{
	uint64_t word = line_word_now(call_own(page, side));

	CORE_ASSERT(side == 0 || side == 1);
	if (!request->posted)
		return true;
	if (line_word_is_waiting(word) && both && side == 1)
		return false;
	word = call_take_back(page, side, request->seq, askedp);
	if (line_word_state(word) == LINE_WITHDRAWN)
		request->posted = false;
	/* While it waits elsewhere, whether it was taken is decided there. */
	return !line_word_is_waiting(word) || !both;
}

enum call_answer call_look_for_answer(struct channel_page *page, int side,
				      struct call_request *request, uint64_t peer_word,
				      bool *askedp)
{
	const struct line *peer = call_peer(page, side);
	enum line_op op = line_word_op(peer_word);

	CORE_ASSERT(side == 0 || side == 1);
	*askedp = false;
	if (!line_word_is_waiting(peer_word))
		return CALL_ANSWER_NONE;
	if (op != LINE_OP_ANSWER && op != LINE_OP_REPLY)
		return step_back(page, side, request, op == LINE_OP_SENDREC, askedp)
			       ? CALL_ANSWER_INSTEAD
			       : CALL_ANSWER_NONE;
	if (request->posted &&
	    atomic_load_explicit(&peer->aux, memory_order_relaxed) == request->seq)
		return CALL_ANSWER_HERE;
	call_refuse(page, side, peer_word);
	return CALL_ANSWER_REFUSED;
}

void call_finish(struct channel_page *page, int side, const struct call_request *request,
		 int result)
{
	struct line *own = call_own(page, side);
	uint64_t word = line_word_now(own);
	struct line_image image;

	CORE_ASSERT(side == 0 || side == 1);
	CORE_ASSERT(result <= 0);
	if (!request->posted || line_word_seq(word) != request->seq)
		return;
	/* The answer came before the news that the request was taken: we know that it was. */
	if (!result && line_word_is_waiting(word))
		line_take(own, &image);
	line_close(own, request->seq, result);
}

int call_give_up(struct channel_page *page, int side, uint64_t seq, int why)
{
	uint64_t word = line_close(call_own(page, side), seq, why);

	CORE_ASSERT(side == 0 || side == 1);
	CORE_ASSERT(why < 0);
	return line_word_seq(word) == seq && line_word_state(word) == LINE_DONE &&
			       !line_word_result(word)
		       ? CALL_E_ANSWERED
		       : why;
}

bool call_is_owed(struct channel_page *page, int side, uint64_t request)
{
	uint64_t word = line_word_now(call_peer(page, side));

	CORE_ASSERT(side == 0 || side == 1);
	return line_word_seq(word) == request && line_word_is_owed(word);
}

enum call_receipt call_look_to_receive(struct channel_page *page, int side, uint64_t peer_word,
				       bool any)
{
	enum line_op op = line_word_op(peer_word);

	CORE_ASSERT(side == 0 || side == 1);
	if (!line_word_is_waiting(peer_word))
		return CALL_RECEIPT_NONE;
	if (op != LINE_OP_ANSWER && (op != LINE_OP_REPLY || !any))
		return CALL_RECEIPT_HERE;
	call_refuse(page, side, peer_word);
	return CALL_RECEIPT_REFUSED;
}

void call_refuse(struct channel_page *page, int side, uint64_t peer_word)
{
	CORE_ASSERT(side == 0 || side == 1);
	line_withdraw_here(call_peer(page, side), line_word_seq(peer_word));
}
