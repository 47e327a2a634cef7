/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dvk_send and dvk_reply.
 *
 * To a peer whose request we have taken both are its answer, which never waits for the peer: it is in
 * its sendrec and has room for it. Otherwise a send is a rendezvous: it stays in our line until the
 * peer takes it; and a reply is for a peer that waits in dvk_receive for just us. Whether it does is
 * seen by whether it takes the message at once.
 */

#include "dvk.h"
#include "libdvk/post.h"
#include "os/clock.h"

/* Takes the message back. The caller's time-out says how long that may take. */
static int give_back(struct wait *wait, struct channel *channel, uint64_t seq, int why)
{
	DVK_ASSERT(why);
	return wait->brief ? post_withdraw_now(wait->binding, channel, seq, why)
			   : post_withdraw(wait->binding, channel, seq, why);
}

/* Waits for the message of this sequence. As call_fate(), CALL_E_BACK: given back unasked. */
static int await_taken(struct wait *wait, struct channel *channel, uint64_t seq)
{
	struct line *own = channel_own(channel);
	struct line *peer = channel_peer(channel);

	for (;;) {
		uint64_t word, peer_word;
		int r;

		wait_begin(wait);
		word = line_word_now(own);
		peer_word = line_word_now(peer);
		/* It died while we were on our way here: the page never had the message. */
		if (line_word_seq(word) != seq && channel_is_dead(channel))
			return EDVSDSTDIED;
		r = call_fate(word, seq, CALL_E_BACK, EDVSPROCSTS);
		if (r)
			return r;
		if (wait->late != EDVSAGAIN && call_is_locked(channel->own_side, peer_word))
			return give_back(wait, channel, seq, EDVSLOCKED);
		if (channel_is_dead(channel))
			return give_back(wait, channel, seq, EDVSDSTDIED);
		wait->word[0] = &own->word;
		wait->seen[0] = word;
		wait->word[1] = &peer->word;
		wait->seen[1] = peer_word;
		wait->peer = channel->bell;
		r = wait_step(wait);
		if (r)
			return give_back(wait, channel, seq, r);
	}
}

/* The rendezvous. */
static int send_plain(struct wait *wait, struct channel *channel, const message *m)
{
	uint64_t seq;
	int r;

	do {
		r = post_clear(wait, channel);
		if (r)
			return r;
		seq = line_post(channel_own(channel), LINE_OP_SEND, m, os_ticks());
		channel_ring_message(wait->binding, channel);
		r = await_taken(wait, channel, seq);
		if (r == CALL_E_BACK && !wait_is_over(wait)) {
			r = channel_ask_again(wait->binding, channel);
			r = r ? r : CALL_E_BACK;
		}
	} while (r == CALL_E_BACK && !wait_is_over(wait));
	if (r == CALL_E_BACK)
		return wait->late;
	return r > 0 ? 0 : r;
}

static int send_entered(struct binding *binding, int dst_ep, message *m, long timeout)
{
	struct channel *channel;
	struct wait wait;
	int r = post_destination(binding, dst_ep, EDVSBADDEST);

	if (!r)
		r = channel_check_lost(binding, dst_ep);
	if (!r)
		r = channel_get(binding, dst_ep, CHANNEL_SEND, &channel);
	if (!r && post_is_bad(m))
		r = EDVSFAULT;
	if (r)
		return r;
	m->m_source = binding->p_nr;
	wait_init(&wait, binding, timeout, timeout ? 0 : post_grace_ns(binding, channel));
	wait_for_one(&wait);
	wait.flags = SENDING;
	wait.sendto = dst_ep;
	r = channel->owes ? post_answer(&wait, channel, m) : POST_E_CLOSED;
	if (r == POST_E_CLOSED)
		r = send_plain(&wait, channel, m);
	if (!r)
		channel_count(binding, channel);
	return r;
}

long dvk_send_T(int dst_ep, message *m, long timeout)
{
	struct binding *binding;
	int r = binding_enter_timed(&binding, DVK_SEND, &timeout);

	return r ? r : binding_leave(binding, send_entered(binding, dst_ep, m, timeout));
}

/* To a peer that waits for us in a receive; any other refuses it, or does not look. */
static int reply_to_receiver(struct wait *wait, struct channel *channel, const message *m)
{
	bool brief = wait->brief;
	uint64_t seq;
	int r;

	wait_init(wait, wait->binding, TIMEOUT_NOWAIT,
		  (brief ? 1 : 10) * post_grace_ns(wait->binding, channel));
	wait->brief = brief;
	wait->late = EDVSPROCSTS;
	r = post_clear(wait, channel);
	if (r)
		return r;
	seq = line_post(channel_own(channel), LINE_OP_REPLY, m, 0);
	channel_ring(wait->binding, channel);
	r = await_taken(wait, channel, seq);
	if (r == CALL_E_BACK)
		return EDVSPROCSTS;
	return r > 0 ? 0 : r;
}

static int reply_entered(struct binding *binding, int dst_ep, message *m, long timeout)
{
	struct channel *channel;
	struct wait wait;
	int r;

	if (!atomic_load_explicit(&binding->status->sysproc, memory_order_relaxed))
		return EDVSTRAPDENIED;
	r = post_destination(binding, dst_ep, EDVSENDPOINT);
	if (!r)
		r = channel_check_lost(binding, dst_ep);
	if (!r)
		r = channel_get(binding, dst_ep, CHANNEL_RECEIVE, &channel);
	if (!r && !channel->owes)
		r = channel_get(binding, dst_ep, CHANNEL_SEND, &channel);
	if (!r && post_is_bad(m))
		r = EDVSFAULT;
	if (r)
		return r;
	m->m_source = binding->p_nr;
	wait_init(&wait, binding, timeout, 0);
	wait.flags = SENDING;
	wait.sendto = dst_ep;
	r = channel->owes ? post_answer(&wait, channel, m) : POST_E_CLOSED;
	if (r == POST_E_CLOSED)
		r = reply_to_receiver(&wait, channel, m);
	if (!r)
		channel_count(binding, channel);
	return r;
}

long dvk_reply_T(int dst_ep, message *m, long timeout)
{
	struct binding *binding;
	int r = binding_enter_timed(&binding, DVK_REPLY, &timeout);

	return r ? r : binding_leave(binding, reply_entered(binding, dst_ep, m, timeout));
}
