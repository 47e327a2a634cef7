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
 * Two that call each other: the one on side 0 takes its request back and takes the other's as its
 * answer; the other then waits for the answer to what it sent. One rule for both, so that they never
 * both step back, nor both stay.
 */

#include "dvk.h"
#include "libdvk/post.h"
#include "os/clock.h"

struct transaction {
	struct wait wait;
	struct channel *channel;
	message *m;
	message request; /* *m is filled before it is known that the request need not be sent again */
	uint64_t seq;
	bool posted;
};

/* The request has had its answer, whatever the replica here still says of it. */
static void finish(struct transaction *t, int result)
{
	struct line *own = channel_own(t->channel);
	uint64_t word = line_word_now(own);
	struct line_image image;

	if (!t->posted || line_word_seq(word) != t->seq)
		return;
	/* The answer came before the news that the request was taken: we know that it was. */
	if (!result && line_word_is_waiting(word))
		line_take(own, &image);
	line_close(own, t->seq, result);
	/* That it has had its answer is no news for him who gave it. */
	if (result)
		channel_ring_far(t->wait.binding, t->channel);
}

/* A message of the peer that is no answer is there: may we take it as one? */
static bool step_back(struct transaction *t, enum line_op op)
{
	struct channel *channel = t->channel;
	bool both_call = op == LINE_OP_SENDREC;
	uint64_t word;

	if (!t->posted)
		return true;
	word = line_word_now(channel_own(channel));
	if (line_word_is_waiting(word) && both_call && channel->own_side == 1)
		return false;
	word = line_withdraw(channel_own(channel), t->seq);
	if (line_word_state(word) == LINE_WITHDRAWN)
		t->posted = false;
	if (!line_word_is_waiting(word))
		return true;
	/* Whether it was taken is decided elsewhere. */
	post_ask_back(t->wait.binding, channel, t->seq);
	return !both_call;
}

/* True if *m is filled. word: of the peer's line. */
static bool take_answer(struct transaction *t, uint64_t word)
{
	struct channel *channel = t->channel;
	struct binding *binding = t->wait.binding;
	enum line_op op = line_word_op(word);

	if (!line_word_is_waiting(word) || !channel_admits(binding, channel, word))
		return false;
	if (op != LINE_OP_ANSWER && op != LINE_OP_REPLY) {
		if (!step_back(t, op) || !channel_take(binding, channel, t->m))
			return false;
		finish(t, EDVSPROCSTS); /* nobody shall answer it any more */
		return true;
	}
	if (!t->posted ||
	    atomic_load_explicit(&channel_peer(channel)->aux, memory_order_relaxed) != t->seq) {
		channel_refuse(binding, channel, word);
		return false;
	}
	if (!channel_take(binding, channel, t->m))
		return false;
	finish(t, 0);
	return true;
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
	t->seq = line_post(channel_own(channel), LINE_OP_SENDREC, &t->request, os_ticks());
	t->posted = true;
	/* A request to somebody who waits for our answer is that answer. */
	channel_settle(t->wait.binding, channel);
	channel_ring_message(t->wait.binding, channel);
	return 0;
}

/* What our line says. 0: go on waiting. Positive: taken back by nobody's wish, to be posted again. */
static int look(struct transaction *t, uint64_t own)
{
	/* It died while we were on our way here: the page never had the request. */
	if (line_word_seq(own) != t->seq && channel_is_dead(t->channel))
		return t->wait.flags & SENDING ? EDVSDSTDIED : EDVSSRCDIED;
	t->wait.flags = RECEIVING;
	t->wait.sendto = NONE;
	if (line_word_seq(own) != t->seq)
		return EDVSPROCSTS;
	switch (line_word_state(own)) {
	case LINE_FULL:
	case LINE_SENT:
		t->wait.flags |= SENDING;
		t->wait.sendto = _ENDPOINT_P(t->channel->life);
		break;
	case LINE_DONE:
		if (line_word_result(own))
			return line_word_result(own);
		break; /* answered: the answer is on its way */
	case LINE_WITHDRAWN:
		t->posted = false;
		return 1;
	case LINE_FREE:
	case LINE_TAKEN:
		break;
	}
	if (!channel_is_dead(t->channel))
		return 0;
	return t->wait.flags & SENDING ? EDVSDSTDIED : EDVSSRCDIED;
}

/* Answered in the last moment: the answer is in the peer's line, or on its way to it. */
static int await_answer(struct transaction *t, int why)
{
	struct line *peer = channel_peer(t->channel);
	struct wait *wait = &t->wait;

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
	struct line *own = channel_own(t->channel);
	uint64_t word;
	int r;

	if (!t->posted)
		return why;
	r = post_withdraw(t->wait.binding, t->channel, t->seq, why);
	if (r == POST_E_DONE)
		return await_answer(t, why);
	if (r != POST_E_TAKEN)
		return r;
	word = line_close(own, t->seq, why);
	channel_ring_far(t->wait.binding, t->channel);
	if (line_word_seq(word) == t->seq && line_word_state(word) == LINE_DONE &&
	    !line_word_result(word))
		return await_answer(t, why);
	return why;
}

static int run(struct transaction *t)
{
	struct line *own = channel_own(t->channel);
	struct line *peer = channel_peer(t->channel);
	struct wait *wait = &t->wait;
	int r;

	for (;;) {
		uint64_t own_word, peer_word;

		r = t->posted ? 0 : post(t);
		if (r)
			return r > 0 ? 0 : r;
		wait_begin(wait);
		/* In this order: if our line has ended, an answer that came before is seen. */
		own_word = line_word_now(own);
		peer_word = line_word_now(peer);
		if (take_answer(t, peer_word))
			return 0;
		if (!t->posted)
			continue;
		r = look(t, own_word);
		if (r > 0 && wait_is_over(wait))
			return wait->late;
		if (r > 0)
			r = channel_ask_again(wait->binding, t->channel);
		if (r < 0)
			return r;
		if (!t->posted)
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
	t.request = *m;
	t.posted = false;
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
