/* SPDX-License-Identifier: Apache-2.0 */
#include "libdvk/post.h"

#include "os/clock.h"

/* Taking an answer rings nobody, so whoever waits for that looks by itself. */
#define ANSWER_NAP_NS	   (OS_MS_NS / 2)
#define ROUNDS_MAX	   8 /* as a rule it is one */
/* A call that must not wait gives the other node this many graces to say what became of its message. */
#define RETREAT_NOW_FACTOR 5
#define GRACE_LOCAL_NS	   (2 * OS_MS_NS)
#define GRACE_AWAKE_NS	   (OS_MS_NS / 4)
#define GRACE_REMOTE_NS	   (20 * OS_MS_NS)

int post_destination(const struct binding *binding, int endpoint, int self)
{
	int p_nr = _ENDPOINT_P(endpoint);

	if (p_nr == HARDWARE)
		return EDVSBADDEST;
	if (endpoint == binding->p_nr)
		return self;
	return channel_check_number(endpoint);
}

int64_t post_grace_ns(const struct channel *channel)
{
	const struct bell_page *bell = channel->bell;

	if (atomic_load_explicit(&bell->holder, memory_order_relaxed) != BELL_PROCESS)
		return GRACE_REMOTE_NS;
	return atomic_load_explicit(&bell->sleeping, memory_order_relaxed) ? GRACE_LOCAL_NS
									   : GRACE_AWAKE_NS;
}

void post_ask_back(struct binding *binding, struct channel *channel, uint64_t seq)
{
	_Atomic uint64_t *withdraw = &channel->page->withdraw[channel->own_side];

	if (atomic_load_explicit(withdraw, memory_order_relaxed) == seq)
		return;
	/* The ring's fence orders it before the look of whoever decides. */
	atomic_store(withdraw, seq);
	channel_ring(binding, channel);
}

/* One attempt to free the line; true if it may be free now, false if only waiting helps. */
static bool clear_step(struct wait *wait, struct channel *channel, uint64_t word)
{
	struct line *own = channel_own(channel);
	uint64_t seq = line_word_seq(word);

	wait->nap_ns = 0;
	if (line_word_state(word) == LINE_TAKEN) {
		/* A request whose caller had to give up before it could say so. */
		line_close(own, seq, EDVSTIMEDOUT);
		channel_ring_far(wait->binding, channel);
		return true;
	}
	/* The peer still waits for the answer that is in our line. */
	if (line_word_op(word) == LINE_OP_ANSWER &&
	    line_word_awaits(line_word_now(channel_peer(channel)),
			     atomic_load_explicit(&own->aux, memory_order_relaxed))) {
		wait->nap_ns = ANSWER_NAP_NS;
		return false;
	}
	if (line_word_state(word) == LINE_FULL) {
		line_withdraw(own, seq);
		return true;
	}
	post_ask_back(wait->binding, channel, seq);
	return false;
}

int post_clear(struct wait *wait, struct channel *channel)
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
		if (clear_step(wait, channel, word)) {
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

/* What has become of our message; 0: still nothing is decided. */
static int fate(uint64_t word, uint64_t seq, int why)
{
	if (line_word_seq(word) != seq)
		return why; /* scribbled upon: this conversation is the peer's to spoil */
	switch (line_word_state(word)) {
	case LINE_WITHDRAWN:
		return why;
	case LINE_TAKEN:
		return POST_E_TAKEN;
	case LINE_DONE:
		return line_word_result(word) ? line_word_result(word) : POST_E_DONE;
	case LINE_FREE:
	case LINE_FULL:
	case LINE_SENT:
		break;
	}
	return 0;
}

static int withdraw(struct binding *binding, struct channel *channel, uint64_t seq, int why,
		    int64_t retreat_ns)
{
	struct line *own = channel_own(channel);
	int r = fate(line_withdraw(own, seq), seq, why);
	struct wait wait;

	if (r)
		return r;
	post_ask_back(binding, channel, seq);
	wait_init(&wait, binding, TIMEOUT_NOWAIT, retreat_ns);
	wait.firm = true;
	for (;;) {
		uint64_t word;

		wait_begin(&wait);
		/* FULL again: the receiver's move was rolled back, and it is ours to decide. */
		word = line_withdraw(own, seq);
		r = fate(word, seq, why);
		if (r)
			return r;
		if (channel_is_dead(channel))
			return EDVSDSTDIED;
		wait.word[0] = &own->word;
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
	return withdraw(binding, channel, seq, why, RETREAT_NOW_FACTOR * post_grace_ns(channel));
}

/* The request was closed before the answer got through: was it the peer who took it? */
static int answer_check(struct binding *binding, struct channel *channel, uint64_t seq, bool brief)
{
	int r = brief ? post_withdraw_now(binding, channel, seq, POST_E_CLOSED)
		      : post_withdraw(binding, channel, seq, POST_E_CLOSED);

	return r == POST_E_TAKEN ? 0 : r;
}

int post_answer(struct wait *wait, struct channel *channel, const message *m)
{
	struct binding *binding = wait->binding;
	struct line *peer = channel_peer(channel);
	uint64_t request = channel->request, seq, word = line_word_now(peer);
	int r;

	if (line_word_seq(word) != request || !line_word_is_owed(word)) {
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
