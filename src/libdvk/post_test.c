/* SPDX-License-Identifier: Apache-2.0 */

/* Getting the own line free, a message back, an answer through; and how long each of them is waited for. */

#include "core/call.h"
#include "libdvk/post.h"
#include "libdvk/rig_test.h"

static struct binding *binding;
static struct channel *channel;
static struct wait wait;
static const message some = { .m_type = 1 };

static void begin(struct rig_peer *peer, long timeout_ms)
{
	binding = rig_enter();
	CHECK_EQ(channel_get(binding, peer->p_nr, CHANNEL_SEND, &channel), 0);
	wait_init(&wait, binding, timeout_ms, 2 * OS_MS_NS);
}

static void end(void)
{
	binding_leave(binding, 0);
}

static enum line_state state(void)
{
	return line_word_state(line_word_now(channel_own(channel)));
}

static void test_destinations(void)
{
	binding = rig_enter();
	CHECK_EQ(post_destination(binding, RIG_HIGH, EDVSBADDEST), 0);
	CHECK_EQ(post_destination(binding, RIG_SELF, EDVSBADDEST), EDVSBADDEST);
	CHECK_EQ(post_destination(binding, RIG_SELF, EDVSENDPOINT), EDVSENDPOINT);
	CHECK_EQ(post_destination(binding, HARDWARE, EDVSENDPOINT), EDVSBADDEST);
	CHECK_EQ(post_destination(binding, SHM_SLOTS, EDVSENDPOINT), EDVSRANGE);
	CHECK(post_is_bad(NULL));
	CHECK(!post_is_bad(&some));
	end();
}

static void test_grace(void)
{
	int64_t awake;

	begin(&rig.high, -1);
	awake = post_grace_ns(binding, channel);
	CHECK_EQ(awake, 14 * (int64_t)binding->costs.wake_ns);
	rig.high.bell->sleeping = 1;
	CHECK_EQ(post_grace_ns(binding, channel), 2 * OS_MS_NS);
	rig.high.bell->holder = BELL_DAEMON;
	CHECK_EQ(post_grace_ns(binding, channel), 20 * OS_MS_NS);
	rig.high.bell->holder = BELL_PROCESS;
	rig.high.bell->sleeping = 0;
	binding->costs.wake_ns =
		ATTENTION_COST_MAX_NS; /* a slow machine: never more than the sleeper's */
	CHECK_EQ(post_grace_ns(binding, channel), 2 * OS_MS_NS);
	end();
}

/* ---- the own line ---- */

static void test_room(void)
{
	begin(&rig.high, 10);
	CHECK_EQ(post_clear(&wait, channel), 0);
	/* A message that an earlier image of the process left: taken back. */
	line_post(channel_own(channel), LINE_OP_SEND, &some, 0);
	CHECK_EQ(post_clear(&wait, channel), 0);
	CHECK_EQ(state(), LINE_WITHDRAWN);
	/* A request whose caller could not say that it gave up: closed, and a daemon that has it told. */
	line_post(channel_own(channel), LINE_OP_SENDREC, &some, 0);
	CHECK(rig_take(&rig.high, &(struct line_image){ 0 }));
	rig.high.bell->holder = BELL_DAEMON;
	CHECK_EQ(post_clear(&wait, channel), 0);
	CHECK_EQ(state(), LINE_DONE);
	CHECK_EQ(line_word_result(line_word_now(channel_own(channel))), EDVSTIMEDOUT);
	CHECK(rig_daemon_was_rung(RIG_HIGH));
	CHECK_EQ(rig.sleeps, 0);
	end();
}

static int node_gives_back(void)
{
	struct line *line = rig_our_line(&rig.high);

	CHECK_EQ(rig.high.page->withdraw[0], line_word_seq(line->word));
	line_withdraw_here(line, line_word_seq(line->word));
	rig.bell->seq++;
	return 0;
}

/* A message that is on its way to another node is asked back: once, with a ring. */
static void test_room_far(void)
{
	begin(&rig.high, 10);
	rig.high.bell->holder = BELL_DAEMON;
	line_post(channel_own(channel), LINE_OP_SEND, &some, 0);
	line_mark_sent(channel_own(channel));
	rig.on_sleep = node_gives_back;
	CHECK_EQ(post_clear(&wait, channel), 0);
	CHECK(rig_daemon_was_rung(RIG_HIGH));
	CHECK_EQ(rig.sleeps, 1);
	CHECK_EQ(wait.nap_ns, 0);
	/* Nobody decides: the caller's time ends it. */
	rig.on_sleep = NULL;
	line_post(channel_own(channel), LINE_OP_SEND, &some, 0);
	line_mark_sent(channel_own(channel));
	wait_init(&wait, binding, 10, 0);
	CHECK_EQ(post_clear(&wait, channel), EDVSTIMEDOUT);
	/* And the peer's end. */
	rig.high.page->dead = 2;
	CHECK_EQ(post_clear(&wait, channel), EDVSDSTDIED);
	end();
}

static int peer_takes_answer(void)
{
	struct line_image image;

	CHECK(rig_take(&rig.high, &image));
	return RIG_TO_ITS_END; /* and rings nobody */
}

/* An answer that the peer waits for stays; taking it rings nobody, so it is looked at often. */
static void test_room_awaited(void)
{
	uint64_t request;

	begin(&rig.high, 100);
	request = rig_post(&rig.high, LINE_OP_SENDREC, 1, 0);
	CHECK(line_take(rig_line(&rig.high), &(struct line_image){ 0 }));
	line_post(channel_own(channel), LINE_OP_ANSWER, &some, request);
	rig.on_sleep = peer_takes_answer;
	CHECK_EQ(post_clear(&wait, channel), 0);
	CHECK_EQ(rig.sleeps, 1);
	CHECK(rig.slept_ns <= 25 * (int64_t)binding->costs.wake_ns);
	CHECK_EQ(state(), LINE_TAKEN);
	CHECK_EQ(wait.nap_ns, 0);
	/* Another request than the one it waits for: nobody wants that answer. */
	line_post(channel_own(channel), LINE_OP_ANSWER, &some, request + 7);
	rig.on_sleep = NULL;
	CHECK_EQ(post_clear(&wait, channel), 0);
	CHECK_EQ(state(), LINE_WITHDRAWN);
	end();
}

static unsigned requests;

static void asks_as_us(void)
{
	rig_our_line(&rig.high)->word = line_word(++requests, LINE_TAKEN, LINE_OP_SENDREC, 0);
}

/* The peer makes our line full as fast as we clear it: the call ends all the same, when its time is over. */
static void test_room_never(void)
{
	begin(&rig.high, 10);
	rig.high.bell->holder = BELL_DAEMON;
	rig.node_bell->sleeping = 1;
	rig.on_wake = asks_as_us;
	asks_as_us();
	CHECK_EQ(post_clear(&wait, channel), EDVSTIMEDOUT);
	CHECK(requests > 8);
	CHECK_EQ(rig.sleeps, 0);
	end();
}

/* ---- a message back ---- */

static void test_withdraw(void)
{
	uint64_t seq;

	begin(&rig.high, -1);
	seq = line_post(channel_own(channel), LINE_OP_SEND, &some, 0);
	CHECK_EQ(post_withdraw(binding, channel, seq, EDVSINTR), EDVSINTR);
	CHECK_EQ(state(), LINE_WITHDRAWN);
	seq = line_post(channel_own(channel), LINE_OP_SEND, &some, 0);
	CHECK(rig_take(&rig.high, &(struct line_image){ 0 }));
	CHECK_EQ(post_withdraw(binding, channel, seq, EDVSINTR), CALL_E_TAKEN);
	/* The line is about another message: the peer has scribbled, and ours is not there. */
	line_post(channel_own(channel), LINE_OP_SEND, &some, 0);
	CHECK_EQ(post_withdraw(binding, channel, seq, EDVSINTR), EDVSINTR);
	seq = line_post(channel_own(channel), LINE_OP_SENDREC, &some, 0);
	CHECK(rig_take(&rig.high, &(struct line_image){ 0 }));
	CHECK(line_answered(channel_own(channel), seq));
	CHECK_EQ(post_withdraw(binding, channel, seq, EDVSINTR), CALL_E_ANSWERED);
	CHECK_EQ(rig.sleeps, 0);
	end();
}

static int node_says_taken(void)
{
	struct line_image image;

	CHECK(rig_take(&rig.high, &image));
	rig.bell->seq++;
	return 0;
}

static void test_withdraw_far(void)
{
	uint64_t seq;
	int64_t before;

	begin(&rig.high, -1);
	rig.high.bell->holder = BELL_DAEMON;
	seq = line_post(channel_own(channel), LINE_OP_SEND, &some, 0);
	line_mark_sent(channel_own(channel));
	rig.on_sleep = node_gives_back;
	CHECK_EQ(post_withdraw(binding, channel, seq, EDVSTIMEDOUT), EDVSTIMEDOUT);
	CHECK(rig_daemon_was_rung(RIG_HIGH));
	seq = line_post(channel_own(channel), LINE_OP_SEND, &some, 0);
	line_mark_sent(channel_own(channel));
	rig.on_sleep = node_says_taken;
	CHECK_EQ(post_withdraw(binding, channel, seq, EDVSINTR), CALL_E_TAKEN);
	/* The node that decides is silent: five seconds for a call, five graces for one that must not wait. */
	rig.on_sleep = NULL;
	seq = line_post(channel_own(channel), LINE_OP_SEND, &some, 0);
	line_mark_sent(channel_own(channel));
	rig.status->latch = EDVSSHUTDOWN; /* does not end a retreat */
	before = rig.now_ns;
	CHECK_EQ(post_withdraw(binding, channel, seq, EDVSINTR), EDVSTIMEDOUT);
	CHECK(rig.now_ns - before >= POST_RETREAT_MS * OS_MS_NS);
	CHECK(rig.now_ns - before < (POST_RETREAT_MS + 50) * OS_MS_NS);
	CHECK_EQ(state(), LINE_SENT); /* left as it is */
	before = rig.now_ns;
	CHECK_EQ(post_withdraw_now(binding, channel, seq, EDVSINTR), EDVSTIMEDOUT);
	CHECK(rig.now_ns - before >= 100 * OS_MS_NS && rig.now_ns - before < 130 * OS_MS_NS);
	rig.high.page->dead = 2;
	before = rig.now_ns;
	CHECK_EQ(post_withdraw(binding, channel, seq, EDVSINTR), EDVSDSTDIED);
	CHECK(rig.now_ns - before < OS_MS_NS);
	CHECK_EQ(rig.status->latch, EDVSSHUTDOWN);
	end();
}

/* ---- answers ---- */

static uint64_t owe(void)
{
	uint64_t seq = rig_post(&rig.high, LINE_OP_SENDREC, 1, 0);
	message m;

	CHECK(channel_take(binding, channel, line_word_now(rig_line(&rig.high)), &m));
	CHECK(channel->owes);
	return seq;
}

static void test_answer(void)
{
	struct line_image image;
	uint64_t seq;

	begin(&rig.high, 10);
	seq = owe();
	rig.high.bell->sleeping = 1;
	CHECK_EQ(post_answer(&wait, channel, &some), 0);
	CHECK(!channel->owes);
	CHECK_EQ(rig.wakes, 1);
	CHECK_EQ(line_word_state(rig_line(&rig.high)->word), LINE_DONE);
	CHECK(rig_take(&rig.high, &image));
	CHECK_EQ(line_word_op(image.word), LINE_OP_ANSWER);
	CHECK_EQ(image.aux, seq);
	end();
}

/* The caller has given up: nothing is sent. */
static void test_answer_closed(void)
{
	uint64_t seq;

	begin(&rig.high, 10);
	seq = owe();
	line_close(rig_line(&rig.high), seq, EDVSTIMEDOUT);
	CHECK_EQ(post_answer(&wait, channel, &some), POST_E_CLOSED);
	CHECK(!channel->owes);
	CHECK_EQ(state(), LINE_FREE);
	/* It has given up and asks anew: the answer is not for the second request. */
	owe();
	channel->request--;
	CHECK_EQ(post_answer(&wait, channel, &some), POST_E_CLOSED);
	CHECK_EQ(state(), LINE_FREE);
	end();
}

static int caller_gives_up(void)
{
	struct line *line = rig_line(&rig.high);

	node_gives_back();
	line_close(line, line_word_seq(line->word), EDVSTIMEDOUT);
	return 0;
}

/* It gives up between our look and our post: the answer is taken back. */
static void test_answer_too_late(void)
{
	begin(&rig.high, 100);
	owe();
	line_post(channel_own(channel), LINE_OP_SEND, &some, 0);
	line_mark_sent(channel_own(channel));
	rig.on_sleep = caller_gives_up;
	CHECK_EQ(post_answer(&wait, channel, &some), POST_E_CLOSED);
	CHECK_EQ(state(), LINE_WITHDRAWN);
	CHECK(!channel->owes);
	end();
}

/* The line does not become free: it stays owed, for the next attempt. */
static void test_answer_stuck(void)
{
	begin(&rig.high, 10);
	owe();
	line_post(channel_own(channel), LINE_OP_SEND, &some, 0);
	line_mark_sent(channel_own(channel));
	CHECK_EQ(post_answer(&wait, channel, &some), EDVSTIMEDOUT);
	CHECK(channel->owes);
	channel_settle(binding, channel);
	end();
}

int main(void)
{
	RIG_TEST(test_destinations);
	RIG_TEST(test_grace);
	RIG_TEST(test_room);
	RIG_TEST(test_room_far);
	RIG_TEST(test_room_awaited);
	RIG_TEST(test_room_never);
	RIG_TEST(test_withdraw);
	RIG_TEST(test_withdraw_far);
	RIG_TEST(test_answer);
	RIG_TEST(test_answer_closed);
	RIG_TEST(test_answer_too_late);
	RIG_TEST(test_answer_stuck);
	return test_end();
}
