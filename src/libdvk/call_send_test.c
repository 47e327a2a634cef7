/* SPDX-License-Identifier: Apache-2.0 */

/* dvk_send and dvk_reply, the peer being the test. */

#include <errno.h>

#include "libdvk/post.h"
#include "libdvk/rig_test.h"

static message m;

static struct line *own(void)
{
	return rig_our_line(&rig.high);
}

static enum line_state state(const struct rig_peer *peer)
{
	return line_word_state(rig_our_line(peer)->word);
}

static void test_refusals(void)
{
	CHECK_EQ(dvk_send(SHM_SLOTS, &m), EDVSRANGE);
	CHECK_EQ(dvk_send(HARDWARE, &m), EDVSBADDEST);
	CHECK_EQ(dvk_send(RIG_SELF, &m), EDVSBADDEST);
	CHECK_EQ(dvk_send(RIG_NOONE, &m), EDVSDSTDIED);
	CHECK_EQ(dvk_send(RIG_HIGH, NULL), EDVSFAULT);
	CHECK_EQ(state(&rig.high), LINE_FREE);
	CHECK_EQ(dvk_reply(RIG_SELF, &m), EDVSENDPOINT);
	CHECK_EQ(dvk_reply(HARDWARE, &m), EDVSBADDEST);
	CHECK_EQ(dvk_reply(RIG_HIGH, NULL), EDVSFAULT);
	rig.status->sysproc = 0;
	CHECK_EQ(dvk_reply(RIG_HIGH, &m), EDVSTRAPDENIED);
	CHECK_EQ(dvk_reply(SHM_SLOTS, &m), EDVSTRAPDENIED); /* said first */
	rig.status->calls_allowed = 0;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), EDVSBADCALL);
	CHECK_EQ(dvk_reply(RIG_HIGH, &m), EDVSBADCALL);
	CHECK_EQ(rig.sleeps, 0);
}

/* ---- the rendezvous ---- */

static struct line_image taken;

static int takes(void)
{
	CHECK_EQ(rig.status->rts_flags, SENDING);
	CHECK_EQ(rig.status->sendto, RIG_HIGH);
	if (!rig_take(&rig.high, &taken))
		return RIG_TO_ITS_END;
	rig.bell->seq++;
	return 0;
}

static void test_taken(void)
{
	m.m_type = 5;
	m.m_source = 99;
	rig.on_sleep = takes;
	rig.high.bell->sleeping = 1;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), OK);
	CHECK_EQ(line_word_op(taken.word), LINE_OP_SEND);
	CHECK_EQ(taken.msg.m_type, 5);
	CHECK_EQ(m.m_source, RIG_SELF);
	CHECK_EQ(rig.status->lclsent, 1);
	CHECK_EQ(rig.wakes, 1);
	CHECK_EQ(rig.status->rts_flags, 0);
}

static void test_nobody_takes(void)
{
	int64_t before = rig.now_ns;

	CHECK_EQ(dvk_send_T(RIG_HIGH, &m, 30), EDVSTIMEDOUT);
	CHECK(rig.now_ns - before >= 30 * OS_MS_NS && rig.now_ns - before < 32 * OS_MS_NS);
	CHECK_EQ(state(&rig.high), LINE_WITHDRAWN); /* nobody gets it later */
	CHECK_EQ(rig.status->lclsent, 0);
	before = rig.now_ns;
	CHECK_EQ(dvk_send_T(RIG_HIGH, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK(rig.now_ns - before < 2 * OS_MS_NS);
	CHECK(rig.now_ns - before >=
	      post_grace_ns(binding_known(), binding_channel(binding_known(), RIG_HIGH)));
	CHECK_EQ(state(&rig.high), LINE_WITHDRAWN);
}

static int marks_sent(void)
{
	line_mark_sent(own());
	return RIG_TO_ITS_END;
}

/* The peer's node decides, and is silent: a call that must not wait leaves it a moment, any other longer. */
static void test_silent_node(void)
{
	int64_t before = rig.now_ns;

	rig.high.bell->holder = BELL_DAEMON;
	rig.on_sleep = marks_sent;
	CHECK_EQ(dvk_send_T(RIG_HIGH, &m, TIMEOUT_NOWAIT), EDVSTIMEDOUT);
	CHECK(rig.now_ns - before < 200 * OS_MS_NS);
	own()->word = 0;
	before = rig.now_ns;
	CHECK_EQ(dvk_send_T(RIG_HIGH, &m, 10), EDVSTIMEDOUT);
	CHECK(rig.now_ns - before >= 5 * OS_SECOND_NS);
}

static int interrupted(void)
{
	return -EINTR;
}

static int dies(void)
{
	rig_kill(&rig.high);
	return 0;
}

static void test_ends(void)
{
	rig.on_sleep = interrupted;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), EDVSINTR);
	CHECK_EQ(state(&rig.high), LINE_WITHDRAWN);
	rig.status->latch = EDVSSHUTDOWN;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), EDVSSHUTDOWN);
	CHECK_EQ(state(&rig.high), LINE_WITHDRAWN);
	rig.on_sleep = dies;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), EDVSDSTDIED);
}

/* The peer died while we were on our way to this node: its page never had the message. */
static int died_on_the_way(void)
{
	own()->word = 0;
	rig.high.page->dead = 2;
	rig.bell->seq++;
	return 0;
}

static void test_died_on_the_way(void)
{
	rig.on_sleep = died_on_the_way;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), EDVSDSTDIED);
}

/* It marks itself dead in the page, and leaves our message there. */
static int marks_itself(void)
{
	rig.high.page->dead = 2;
	rig.bell->seq++;
	return 0;
}

static void test_marked_dead(void)
{
	rig.on_sleep = marks_itself;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), EDVSDSTDIED);
	CHECK_EQ(state(&rig.high), LINE_WITHDRAWN);
}

/* Our line is about a message that we never posted: the peer has scribbled on it. */
static int scribbles(void)
{
	own()->word = line_word(77, LINE_TAKEN, LINE_OP_SEND, 0);
	rig.bell->seq++;
	return 0;
}

static void test_scribbled(void)
{
	rig.on_sleep = scribbles;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), EDVSPROCSTS);
}

static int ends_oddly(void)
{
	own()->word = line_word(line_word_seq(own()->word), LINE_DONE, LINE_OP_SEND, EDVSSRCDIED);
	rig.bell->seq++;
	return 0;
}

static void test_ended_with_an_error(void)
{
	rig.on_sleep = ends_oddly;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), EDVSSRCDIED);
}

/* ---- given back unasked ---- */

static unsigned gives;

static int gives_back(void)
{
	gives++;
	line_withdraw_here(own(), line_word_seq(own()->word));
	rig.bell->seq++;
	return 0;
}

static int gives_back_twice(void)
{
	return gives < 2 ? gives_back() : takes();
}

static void test_given_back(void)
{
	gives = 0;
	rig.on_sleep = gives_back_twice;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), OK);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 3); /* the right may be gone: asked each time */
	rig.on_sleep = gives_back;
	rig.refuse[CTL_CHANNEL] = EDVSTRAPDENIED;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), EDVSTRAPDENIED);
	/* For ever: the time ends it. */
	rig.refuse[CTL_CHANNEL] = 0;
	CHECK_EQ(dvk_send_T(RIG_HIGH, &m, 5), EDVSTIMEDOUT);
}

/* ---- two that send to each other ---- */

static int sends_too(void)
{
	if (!line_word_is_waiting(rig_line(&rig.low)->word))
		rig_post(&rig.low, LINE_OP_SEND, 1, 0);
	return 0;
}

static int high_sends_too(void)
{
	struct line_image image;

	if (!line_word_is_waiting(rig_line(&rig.high)->word))
		rig_post(&rig.high, LINE_OP_SEND, 1, 0);
	else
		CHECK(rig_take(&rig.high, &image));
	rig.bell->seq++;
	return 0;
}

static void test_mutual(void)
{
	/* On the greater side we step back, and have our message again. */
	rig.on_sleep = sends_too;
	CHECK_EQ(dvk_send_T(RIG_LOW, &m, 1000), EDVSLOCKED);
	CHECK_EQ(state(&rig.low), LINE_WITHDRAWN);
	/* On the lesser side it is the other one, which then takes ours. */
	rig.on_sleep = high_sends_too;
	CHECK_EQ(dvk_send_T(RIG_HIGH, &m, 1000), OK);
	/* A call that must not wait is not locked: it has not waited. */
	rig.on_sleep = NULL;
	CHECK_EQ(dvk_send_T(RIG_LOW, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	/* A request of the other is no ring. */
	line_withdraw_here(rig_line(&rig.low), line_word_seq(rig_line(&rig.low)->word));
	rig_post(&rig.low, LINE_OP_SENDREC, 1, 0);
	CHECK_EQ(dvk_send_T(RIG_LOW, &m, 20), EDVSTIMEDOUT);
}

/* ---- answers ---- */

static uint64_t owe(void)
{
	message request;
	uint64_t seq = rig_post(&rig.high, LINE_OP_SENDREC, 1, 0);

	CHECK_EQ(dvk_receive(RIG_HIGH, &request), OK);
	return seq;
}

/* To a peer whose request we have, both calls are its answer, and wait for nobody. */
static void test_answers(void)
{
	for (int reply = 0; reply < 2; reply++) {
		uint64_t seq = owe();

		m.m_type = 8;
		CHECK_EQ(reply ? dvk_reply(RIG_HIGH, &m) : dvk_send(RIG_HIGH, &m), OK);
		CHECK(rig_take(&rig.high, &taken));
		CHECK_EQ(line_word_op(taken.word), LINE_OP_ANSWER);
		CHECK_EQ(taken.aux, seq);
		CHECK_EQ(rig.status->lclsent, reply + 1);
	}
	CHECK_EQ(rig.sleeps, 0);
}

/* Its caller has given up: a send becomes an ordinary one, a reply finds nobody. */
static void test_late_answers(void)
{
	line_close(rig_line(&rig.high), owe(), EDVSTIMEDOUT);
	rig.on_sleep = takes;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), OK);
	CHECK_EQ(line_word_op(taken.word), LINE_OP_SEND);
	rig.on_sleep = NULL;
	line_close(rig_line(&rig.high), owe(), EDVSTIMEDOUT);
	CHECK_EQ(dvk_reply(RIG_HIGH, &m), EDVSPROCSTS);
	CHECK_EQ(state(&rig.high), LINE_WITHDRAWN);
}

/* The caller died, and another life has its slot: the answer is not for that one. */
static void test_answer_to_the_dead(void)
{
	owe();
	rig_kill(&rig.high);
	CHECK_EQ(dvk_reply(RIG_HIGH, &m), EDVSDSTDIED);
	rig.high.life = _ENDPOINT(1, RIG_HIGH);
	rig.high.page->dead = 0;
	rig.on_sleep = takes;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), OK);
	rig.on_sleep = NULL;
	owe();
	rig.status->ended[shm_index(RIG_HIGH)] = 2;
	CHECK_EQ(dvk_send(RIG_HIGH, &m), EDVSDSTDIED); /* lost, and not for the third life */
}

/* ---- replies to a receiver ---- */

static int takes_reply(void)
{
	CHECK(rig_take(&rig.high, &taken));
	rig.bell->seq++;
	return 0;
}

static void test_reply_to_receiver(void)
{
	int64_t before;

	rig.on_sleep = takes_reply;
	CHECK_EQ(dvk_reply(RIG_HIGH, &m), OK);
	CHECK_EQ(line_word_op(taken.word), LINE_OP_REPLY);
	rig.on_sleep = gives_back; /* it waits for anybody, or in a sendrec */
	CHECK_EQ(dvk_reply(RIG_HIGH, &m), EDVSPROCSTS);
	/* It does not look: whether it waits is seen by that, and the caller's own time does not matter. */
	rig.on_sleep = NULL;
	before = rig.now_ns;
	CHECK_EQ(dvk_reply_T(RIG_HIGH, &m, 60000), EDVSPROCSTS);
	CHECK(rig.now_ns - before < 25 * OS_MS_NS);
	CHECK_EQ(state(&rig.high), LINE_WITHDRAWN);
	before = rig.now_ns;
	CHECK_EQ(dvk_reply_T(RIG_HIGH, &m, TIMEOUT_NOWAIT), EDVSPROCSTS);
	CHECK(rig.now_ns - before < OS_MS_NS);
	rig.high.bell->holder = BELL_DAEMON; /* elsewhere it takes longer to say so */
	before = rig.now_ns;
	CHECK_EQ(dvk_reply_T(RIG_HIGH, &m, 60000), EDVSPROCSTS);
	CHECK(rig.now_ns - before >= 200 * OS_MS_NS);
}

/* The right to send is needed for that, while an answer needs none. */
static void test_rights_of_a_reply(void)
{
	owe();
	rig.refuse[CTL_CHANNEL] = EDVSTRAPDENIED;
	CHECK_EQ(dvk_reply(RIG_HIGH, &m), OK);
	CHECK_EQ(dvk_reply(RIG_HIGH, &m), EDVSTRAPDENIED);
}

int main(void)
{
	RIG_TEST(test_refusals);
	RIG_TEST(test_taken);
	RIG_TEST(test_nobody_takes);
	RIG_TEST(test_silent_node);
	RIG_TEST(test_ends);
	RIG_TEST(test_died_on_the_way);
	RIG_TEST(test_marked_dead);
	RIG_TEST(test_scribbled);
	RIG_TEST(test_ended_with_an_error);
	RIG_TEST(test_given_back);
	RIG_TEST(test_mutual);
	RIG_TEST(test_answers);
	RIG_TEST(test_late_answers);
	RIG_TEST(test_answer_to_the_dead);
	RIG_TEST(test_reply_to_receiver);
	RIG_TEST(test_rights_of_a_reply);
	return test_end();
}
