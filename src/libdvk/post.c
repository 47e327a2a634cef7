/* SPDX-License-Identifier: Apache-2.0 */
#include "libdvk/post.h"

#include "os/clock.h"

#define ROUNDS_MAX	   8 /* as a rule it is one */
/* A call that must not wait gives the other node this many graces to say what became of its message. */
#define RETREAT_NOW_FACTOR 5
#define GRACE_LOCAL_NS	   (2 * OS_MS_NS)
#define GRACE_REMOTE_NS	   (20 * OS_MS_NS)

int post_check_destination(const struct binding *binding, int endpoint, int self)
{
	if (_ENDPOINT_P(endpoint) == HARDWARE)
		return EDVSBADDEST;
	return endpoint == binding->p_nr ? self : channel_check_number(endpoint);
}

int64_t post_grace_ns(const struct binding *binding, const struct channel *channel)
{
	const struct bell_page *bell = channel->bell;
	int64_t awake_ns = ATTENTION_GRACE_NS(&binding->costs);

	if (atomic_load_explicit(&bell->holder, memory_order_relaxed) != BELL_PROCESS)
		return GRACE_REMOTE_NS;
	if (awake_ns > GRACE_LOCAL_NS ||
	    atomic_load_explicit(&bell->sleeping, memory_order_relaxed))
		return GRACE_LOCAL_NS;
	return awake_ns;
}

/* One attempt to free the line; true if it may be free now, false if only waiting helps. */
static bool clear_step(struct wait *wait, struct channel *channel, enum call_room room)
{
	/* Taking an answer rings nobody, so the caller that waits for that looks by itself. */
	wait->nap_ns = room == CALL_ROOM_AWAITED ? ATTENTION_NAP_NS(&wait->binding->costs) : 0;
	if (room == CALL_ROOM_CLOSED)
		channel_ring_far(wait->binding, channel);
	if (room == CALL_ROOM_ASKED)
		channel_ring(wait->binding, channel);
	return room == CALL_ROOM_MADE || room == CALL_ROOM_CLOSED;
}

int post_make_room(struct wait *wait, struct channel *channel)
{
	struct line *own = channel_own(channel);
	unsigned rounds = 0;
	int r;

	for (;;) {
		uint64_t word;

		wait_begin(wait);
		word = line_word_now(own);
		if (line_word_is_free(word)) {
			wait->nap_ns = 0;
			return 0;
		}
		if (channel_is_dead(channel))
			return EDVSDSTDIED;
		if (clear_step(wait, channel,
			       call_make_room(channel->page, channel->own_side, word))) {
			/* A peer may write into our line faster than we can clear it. */
			if (++rounds > ROUNDS_MAX && wait_is_over(wait))
				return wait->late;
			continue;
		}
		wait->word[0] = &own->word;
		wait->seen[0] = word;
		r = wait_step(wait);
		if (r)
			return r;
	}
}

/* The word afterwards. */
static uint64_t take_back(struct binding *binding, struct channel *channel, uint64_t seq)
{
	bool asked;
	uint64_t word = call_take_back(channel->page, channel->own_side, seq, &asked);

	/* The ring's fence orders the wish before the look of the daemon that decides. */
	if (asked)
		channel_ring(binding, channel);
	return word;
}

static int withdraw(struct binding *binding, struct channel *channel, uint64_t seq, int why,
		    int64_t retreat_ns)
{
	int r = call_fate(take_back(binding, channel, seq), seq, why, why);
	struct wait wait;

	DVK_ASSERT(why && retreat_ns > 0);
	if (r)
		return r;
	wait_init(&wait, binding, TIMEOUT_NOWAIT, retreat_ns);
	wait.firm = true;
	for (;;) {
		uint64_t word;

		wait_begin(&wait);
		/* FULL again: the receiver's move was rolled back, and it is ours to decide. */
		word = take_back(binding, channel, seq);
		r = call_fate(word, seq, why, why);
		if (r)
			return r;
		if (channel_is_dead(channel))
			return EDVSDSTDIED;
		wait.word[0] = &channel_own(channel)->word;
		wait.seen[0] = word;
		if (wait_step(&wait))
			return EDVSTIMEDOUT;
	}
}

int post_withdraw(struct binding *binding, struct channel *channel, uint64_t seq, int why)
{
	return withdraw(binding, channel, seq, why, POST_RETREAT_MS * OS_MS_NS);
}

int post_withdraw_now(struct binding *binding, struct channel *channel, uint64_t seq, int why)
{
	return withdraw(binding, channel, seq, why,
			RETREAT_NOW_FACTOR * post_grace_ns(binding, channel));
}

/* The request was closed before the answer got through: was it the peer who took it? */
static int answer_check(struct binding *binding, struct channel *channel, uint64_t seq, bool brief)
{
	int r = brief ? post_withdraw_now(binding, channel, seq, POST_E_CLOSED)
		      : post_withdraw(binding, channel, seq, POST_E_CLOSED);

	DVK_ASSERT(channel->owes);
	return r == CALL_E_TAKEN ? 0 : r;
}

int post_answer(struct wait *wait, struct channel *channel, const message *m)
{
	struct binding *binding = wait->binding;
	struct line *peer = channel_peer(channel);
	uint64_t request = channel->request, seq;
	int r;

	DVK_ASSERT(channel->owes);
	if (!call_is_owed(channel->page, channel->own_side, request)) {
		channel_settle(binding, channel);
		return POST_E_CLOSED;
	}
	r = post_clear(wait, channel);
	if (r)
		return r;
	seq = line_post(channel_own(channel), LINE_OP_ANSWER, m, request);
	/*
	 * The answer is posted first, so whoever sees the request answered finds the answer. The peer
	 * may have taken it, closed the request and even posted the next one by now.
	 */
	if (!line_answered(peer, request))
		r = answer_check(binding, channel, seq, wait->brief);
	channel_settle(binding, channel);
	/* It is inside its sendrec and watches our line: see channel_ring_watcher(). */
	channel_ring_watcher(binding, channel);
	return r;
}
