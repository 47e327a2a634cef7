/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dvk_sendrec: a request in our line, and its end by one of these:
 *
 *	ANSWER of our sequence in the peer's line      the answer
 *	ANSWER of another sequence, REPLY              not for this request: given back
 *	SEND or SENDREC in the peer's line             counts as the answer (the contract's rule for
 *	                                               callers that were interrupted and call again);
 *	                                               our request is taken back if that is possible
 *	our line DONE with an error, or the peer dead  that error
 *
 * What each of these does to the lines, also when two call each other, is core/call.h's.
 */

#include "dvk.h"
#include "libdvk/post.h"
#include "os/clock.h"

struct transaction {
	struct wait wait;
	struct channel *channel;
	message *m;
	struct call_request request;
};

/* The peer's message is in *m: our request has had its answer. */
static void finish(struct transaction *t, int result)
{
	DVK_ASSERT(result <= 0);
	call_finish(t->channel->page, t->channel->own_side, &t->request, result);
	/* That it has had its answer is no news for the peer that gave it. */
	if (result && t->request.posted)
		channel_ring_far(t->wait.binding, t->channel);
}

static bool take_waiting(struct transaction *t, uint64_t word)
{
	struct channel *channel = t->channel;
	struct binding *binding = t->wait.binding;
	enum call_answer answer;
	bool asked;

	if (!channel_admits(binding, channel, word))
		return false;
	answer = call_look_for_answer(channel->page, channel->own_side, &t->request, word, &asked);
	if (asked)
		channel_ring(binding, channel);
	if (answer == CALL_ANSWER_REFUSED)
		channel_ring_watcher(binding, channel);
	if (answer == CALL_ANSWER_REFUSED || answer == CALL_ANSWER_NONE ||
	    !channel_take(binding, channel, word, t->m))
		return false;
	/* Where another message counts as the answer, nobody shall answer the request any more. */
	finish(t, answer == CALL_ANSWER_HERE ? 0 : EDVSPROCSTS);
	return true;
}

/* True if *m is filled. word: of the peer's line. */
static inline bool take_answer(struct transaction *t, uint64_t word)
{
	return line_word_is_waiting(word) && take_waiting(t, word);
}

/* Posts the request. Returns 1 if the answer came before that. */
static int post(struct transaction *t)
{
	struct channel *channel = t->channel;
	int r;

	if (take_answer(t, line_word_now(channel_peer(channel))))
		return 1;
	r = post_clear(&t->wait, channel);
	if (r)
		return r;
	/* Waiting may have taken long. */
	if (take_answer(t, line_word_now(channel_peer(channel))))
		return 1;
	t->request.seq = line_post(channel_own(channel), LINE_OP_SENDREC, t->m, os_ticks());
	t->request.posted = true;
	/* A request to somebody who waits for our answer is that answer. */
	channel_settle(t->wait.binding, channel);
	channel_ring_message(t->wait.binding, channel);
	return 0;
}

/* Reads our line. 0: go on waiting. Positive: taken back by nobody's wish, to be posted again. */
static int look(struct transaction *t, uint64_t own)
{
	int r;

	/* It died while we were on our way here: the page never had the request. */
	if (line_word_seq(own) != t->request.seq && channel_is_dead(t->channel))
		return t->wait.flags & SENDING ? EDVSDSTDIED : EDVSSRCDIED;
	t->wait.flags = RECEIVING;
	t->wait.sendto = NONE;
	r = call_fate(own, t->request.seq, CALL_E_BACK, EDVSPROCSTS);
	if (!r) {
		t->wait.flags |= SENDING;
		t->wait.sendto = t->channel->p_nr;
	}
	if (r == CALL_E_BACK)
		t->request.posted = false;
	/* Taken, or answered: the answer is on its way. */
	if (r && r != CALL_E_TAKEN && r != CALL_E_ANSWERED)
		return r;
	if (!channel_is_dead(t->channel))
		return 0;
	return t->wait.flags & SENDING ? EDVSDSTDIED : EDVSSRCDIED;
}

/* Answered in the last moment: the answer is in the peer's line, or on its way to it. */
static int await_answer(struct transaction *t, int why)
{
	struct line *peer = channel_peer(t->channel);
	struct wait *wait = &t->wait;

	DVK_ASSERT(why);
	wait_init(wait, wait->binding, POST_RETREAT_MS, 0);
	wait->firm = true;
	for (;;) {
		wait_begin(wait);
		wait->word[0] = &peer->word;
		wait->seen[0] = line_word_now(peer);
		if (take_answer(t, wait->seen[0]))
			return 0;
		if (channel_is_dead(t->channel) || wait_step(wait))
			return why;
	}
}

/* The caller's time is over, or a signal came, or ... : why. */
static int abandon(struct transaction *t, int why)
{
	int r;

	DVK_ASSERT(why);
	if (!t->request.posted)
		return why;
	r = post_withdraw(t->wait.binding, t->channel, t->request.seq, why);
	if (r == CALL_E_ANSWERED)
		return await_answer(t, why);
	if (r != CALL_E_TAKEN)
		return r;
	r = call_give_up(t->channel->page, t->channel->own_side, t->request.seq, why);
	channel_ring_far(t->wait.binding, t->channel);
	return r == CALL_E_ANSWERED ? await_answer(t, why) : why;
}

static int run(struct transaction *t)
{
	struct line *own = channel_own(t->channel);
	struct line *peer = channel_peer(t->channel);
	struct wait *wait = &t->wait;
	int r;

	for (;;) {
		uint64_t own_word, peer_word;

		r = t->request.posted ? 0 : post(t);
		if (r)
			return r > 0 ? 0 : r;
		wait_begin(wait);
		/* As a rule this is what we have waited for, and our line need not come here to be looked at. */
		if (take_answer(t, line_word_now(peer)))
			return 0;
		/* In this order: if our line has ended, an answer that came before is seen. */
		own_word = line_word_now(own);
		peer_word = line_word_now(peer);
		if (take_answer(t, peer_word))
			return 0;
		if (!t->request.posted)
			continue;
		r = look(t, own_word);
		if (r > 0 && wait_is_over(wait))
			return wait->late;
		if (r > 0)
			r = channel_ask_again(wait->binding, t->channel);
		if (r < 0)
			return r;
		if (!t->request.posted)
			continue;
		wait->word[0] = &peer->word;
		wait->seen[0] = peer_word;
		wait->word[1] = &own->word;
		wait->seen[1] = own_word;
		wait->peer = t->channel->bell;
		r = wait_step(wait);
		if (r)
			return abandon(t, r);
	}
}

static int sendrec_entered(struct binding *binding, int srcdst_ep, message *m, long timeout)
{
	struct transaction t;
	int r = post_destination(binding, srcdst_ep, EDVSENDPOINT);

	if (!r)
		r = channel_check_lost(binding, srcdst_ep);
	if (!r)
		r = channel_get(binding, srcdst_ep, CHANNEL_SEND, &t.channel);
	if (!r && post_is_bad(m))
		r = EDVSFAULT;
	if (r)
		return r == EDVSDSTDIED ? EDVSDEADSRCDST : r;
	m->m_source = binding->p_nr;
	t.m = m;
	t.request.posted = false;
	wait_init(&t.wait, binding, timeout, 0);
	wait_for_one(&t.wait);
	t.wait.flags = SENDING | RECEIVING;
	t.wait.getfrom = t.wait.sendto = srcdst_ep;
	if (timeout == TIMEOUT_NOWAIT)
		return take_answer(&t, line_word_now(channel_peer(t.channel))) ? 0 : EDVSAGAIN;
	binding_misc(binding, 1 << MIS_BIT_ATOMIC, 0);
	r = run(&t);
	binding_misc(binding, 0, 1 << MIS_BIT_ATOMIC);
	if (!r)
		channel_count(binding, t.channel);
	return r;
}

long dvk_sendrec_T(int srcdst_ep, message *m, long timeout)
{
	struct binding *binding;
	int r = binding_enter_timed(&binding, DVK_SENDREC, &timeout);

	return r ? r : binding_leave(binding, sendrec_entered(binding, srcdst_ep, m, timeout));
}
