/* SPDX-License-Identifier: Apache-2.0 */

/* dvk_sendrec, the peer being the test: the messages that count as the answer, and the end of a request without one. */

#include <errno.h>

#include "libdvk/rig_test.h"

static message m;
static struct rig_peer *peer;
static struct line_image taken;
static unsigned sleeps;

static struct line *own(void)
{
	return rig_our_line(peer);
}

static enum line_state state(void)
{
	return line_word_state(own()->word);
}

static long ask(struct rig_peer *of, int (*on_sleep)(void), long timeout_ms)
{
	peer = of;
	sleeps = 0;
	rig.on_sleep = on_sleep;
	m = (message){ .m_type = 1 };
	return dvk_sendrec_T(of->p_nr, &m, timeout_ms);
}

static void test_refusals(void)
{
	CHECK_EQ(dvk_sendrec(SHM_SLOTS, &m), EDVSRANGE);
	CHECK_EQ(dvk_sendrec(RIG_SELF, &m), EDVSENDPOINT);
	CHECK_EQ(dvk_sendrec(HARDWARE, &m), EDVSBADDEST);
	CHECK_EQ(dvk_sendrec(RIG_NOONE, &m), EDVSDEADSRCDST);
	CHECK_EQ(dvk_sendrec(RIG_HIGH, NULL), EDVSFAULT);
	rig.status->calls_allowed = 0;
	CHECK_EQ(dvk_sendrec(RIG_HIGH, &m), EDVSBADCALL);
}

static int answers(void)
{
	message answer = { .m_type = 42 };

	CHECK(rig.status->misc_flags & 1 << MIS_BIT_ATOMIC);
	if (rig_take(peer, &taken)) {
		line_post(rig_line(peer), LINE_OP_ANSWER, &answer, line_word_seq(taken.word));
		CHECK(line_answered(own(), line_word_seq(taken.word)));
	}
	rig.bell->seq++;
	return 0;
}

static void test_answered(void)
{
	CHECK_EQ(ask(&rig.high, answers, -1), OK);
	CHECK_EQ(m.m_type, 42);
	CHECK_EQ(m.m_source, RIG_HIGH);
	CHECK_EQ(line_word_op(taken.word), LINE_OP_SENDREC);
	CHECK_EQ(state(), LINE_DONE);
	CHECK_EQ(rig.status->misc_flags & 1 << MIS_BIT_ATOMIC, 0);
	CHECK_EQ(rig.status->lclsent, 1);
	CHECK_EQ(ask(&rig.low, answers, -1), OK);
	CHECK_EQ(m.m_type, 42);
}

/* From another node the answer may come before the news that the request was taken. */
static int answers_before_taken(void)
{
	message answer = { .m_type = 43 };

	line_mark_sent(own());
	line_post(rig_line(peer), LINE_OP_ANSWER, &answer, line_word_seq(own()->word));
	rig.bell->seq++;
	return 0;
}

static void test_answer_overtakes(void)
{
	CHECK_EQ(ask(&rig.high, answers_before_taken, -1), OK);
	CHECK_EQ(m.m_type, 43);
	CHECK_EQ(state(), LINE_DONE);
	CHECK_EQ(line_word_result(own()->word), 0);
}

/* ---- what is no answer ---- */

static int answers_another(void)
{
	message answer = { .m_type = 44 };
	struct line *theirs = rig_line(peer);

	peer->bell->sleeping = 1;
	if (sleeps)
		CHECK_EQ(rig.wakes, sleeps); /* told that nobody wants it */
	if (++sleeps == 1)
		line_post(theirs, LINE_OP_ANSWER, &answer, line_word_seq(own()->word) - 1);
	else if (sleeps == 2)
		line_post(theirs, LINE_OP_REPLY, &answer, 0);
	else
		return answers();
	rig.bell->seq++;
	return 0;
}

static void test_not_for_this_request(void)
{
	CHECK_EQ(ask(&rig.high, answers_another, -1), OK);
	CHECK_EQ(m.m_type, 42);
	CHECK_EQ(sleeps, 3);
}

/* A send of the peer counts as the answer; our request is taken back, so that nobody answers it any more. */
static int sends_instead(void)
{
	rig_post(peer, LINE_OP_SEND, 45, 0);
	return 0;
}

/* The rings until now are of no interest: the peer is elsewhere, and its daemon is to hear of the next ones. */
static void listen_far(void)
{
	peer->bell->holder = BELL_DAEMON;
	memset((void *)rig.node_bell->news, 0, sizeof(rig.node_bell->news));
}

static int takes_and_sends(void)
{
	listen_far();
	CHECK(rig_take(peer, &taken));
	return sends_instead();
}

static void test_send_instead(void)
{
	CHECK_EQ(ask(&rig.low, sends_instead, -1), OK);
	CHECK_EQ(m.m_type, 45);
	CHECK_EQ(state(), LINE_WITHDRAWN);
	CHECK_EQ(ask(&rig.high, takes_and_sends, -1), OK);
	CHECK_EQ(m.m_type, 45);
	CHECK_EQ(state(), LINE_DONE);
	CHECK_EQ(line_word_result(own()->word), EDVSPROCSTS);
	CHECK(rig_daemon_was_rung(RIG_HIGH)); /* its node is to know that nobody waits any more */
}

/* It was there before we asked: nothing is posted. */
static void test_answer_before_the_request(void)
{
	rig_post(&rig.high, LINE_OP_SEND, 46, 0);
	CHECK_EQ(ask(&rig.high, NULL, -1), OK);
	CHECK_EQ(m.m_type, 46);
	CHECK_EQ(state(), LINE_FREE);
	CHECK_EQ(ask(&rig.high, NULL, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK_EQ(state(), LINE_FREE);
	rig_post(&rig.high, LINE_OP_SEND, 47, 0);
	CHECK_EQ(ask(&rig.high, NULL, TIMEOUT_NOWAIT), OK);
	CHECK_EQ(m.m_type, 47);
}

/* A peer that may not send to us: its message is given back, and is no answer. */
static void test_barred(void)
{
	unsigned index = (unsigned)shm_index(RIG_HIGH);

	rig.status->bars = 1;
	rig.status->barred[LINE_OP_SEND][index / 64] = UINT64_C(1) << index % 64;
	rig_post(&rig.high, LINE_OP_SEND, 46, 0);
	CHECK_EQ(ask(&rig.high, answers, -1), OK);
	CHECK_EQ(m.m_type, 42);
}

/* ---- two that call each other ---- */

static int calls_too(void)
{
	if (++sleeps == 1) {
		rig_post(peer, LINE_OP_SENDREC, 50, 0);
		return 0;
	}
	return answers();
}

static void test_mutual(void)
{
	/* On side 0 we take our request back, and the other's as the answer, which we then owe. */
	CHECK_EQ(ask(&rig.high, calls_too, -1), OK);
	CHECK_EQ(m.m_type, 50);
	CHECK_EQ(state(), LINE_WITHDRAWN);
	CHECK_EQ(rig.status->misc_flags & MIS_NOMIGRATE, MIS_NOMIGRATE);
	CHECK_EQ(dvk_reply(RIG_HIGH, &m), OK);
	/* On side 1 we wait for the answer to ours. */
	CHECK_EQ(ask(&rig.low, calls_too, -1), OK);
	CHECK(sleeps >= 2);
	CHECK_EQ(m.m_type, 42);
}

/* ---- without an answer ---- */

static int takes(void)
{
	sleeps++;
	if (!rig_take(peer, &taken)) {
		listen_far();
		return RIG_TO_ITS_END;
	}
	rig.bell->seq++;
	return 0;
}

static int takes_then_signal(void)
{
	return rig_take(peer, &taken) ? 0 : -EINTR;
}

static void test_time_is_over(void)
{
	CHECK_EQ(ask(&rig.high, NULL, 30), EDVSTIMEDOUT);
	CHECK_EQ(state(), LINE_WITHDRAWN);
	CHECK_EQ(ask(&rig.high, takes, 30), EDVSTIMEDOUT);
	CHECK_EQ(state(), LINE_DONE); /* the server sees that nobody waits for it */
	CHECK_EQ(line_word_result(own()->word), EDVSTIMEDOUT);
	CHECK(rig_daemon_was_rung(RIG_HIGH));
	rig.high.bell->holder = BELL_PROCESS;
	CHECK_EQ(ask(&rig.high, takes_then_signal, -1), EDVSINTR);
	CHECK_EQ(line_word_result(own()->word), EDVSINTR);
	CHECK_EQ(rig.status->lclsent, 0);
}

/* The request is answered in the moment in which we give up: the answer is taken, it is there or on its way. */
static int answers_at_the_end(void)
{
	message answer = { .m_type = 48 };

	if (++sleeps == 1) {
		CHECK(rig_take(peer, &taken));
		CHECK(line_answered(own(), line_word_seq(taken.word)));
		return -EINTR;
	}
	line_post(rig_line(peer), LINE_OP_ANSWER, &answer, line_word_seq(taken.word));
	rig.bell->seq++;
	return 0;
}

static int says_answered(void)
{
	if (++sleeps == 1) {
		CHECK(rig_take(peer, &taken));
		CHECK(line_answered(own(), line_word_seq(taken.word)));
		return -EINTR;
	}
	return RIG_TO_ITS_END;
}

static void test_answered_at_the_end(void)
{
	int64_t before;

	CHECK_EQ(ask(&rig.high, answers_at_the_end, -1), OK);
	CHECK_EQ(m.m_type, 48);
	/* It never comes. */
	before = rig.now_ns;
	CHECK_EQ(ask(&rig.high, says_answered, -1), EDVSINTR);
	CHECK(rig.now_ns - before >= 5 * OS_SECOND_NS && rig.now_ns - before < 6 * OS_SECOND_NS);
}

/* ---- deaths ---- */

static int dies(void)
{
	rig_kill(peer);
	return 0;
}

static int takes_and_dies(void)
{
	CHECK(rig_take(peer, &taken));
	rig_kill(peer);
	return 0;
}

static int died_on_the_way(void)
{
	own()->word = 0;
	peer->page->dead = 1u << shm_side(peer->p_nr, RIG_SELF);
	rig.bell->seq++;
	return 0;
}

static int took_and_died_on_the_way(void)
{
	if (++sleeps > 1)
		return died_on_the_way();
	CHECK(rig_take(peer, &taken));
	rig.bell->seq++;
	return 0;
}

static void test_deaths(void)
{
	CHECK_EQ(ask(&rig.high, dies, -1), EDVSDSTDIED);	  /* before it was taken */
	CHECK_EQ(ask(&rig.low, takes_and_dies, -1), EDVSSRCDIED); /* after that */
}

static void test_deaths_on_the_way(void)
{
	CHECK_EQ(ask(&rig.high, died_on_the_way, -1), EDVSDSTDIED);
	CHECK_EQ(ask(&rig.low, took_and_died_on_the_way, -1), EDVSSRCDIED);
}

/* The peer marked itself dead in the page, and left our request as it was. */
static int marks_itself(void)
{
	peer->page->dead = 1u << shm_side(peer->p_nr, RIG_SELF);
	rig.bell->seq++;
	return 0;
}

static int takes_and_marks_itself(void)
{
	CHECK(rig_take(peer, &taken));
	return marks_itself();
}

static void test_marked_dead(void)
{
	CHECK_EQ(ask(&rig.high, marks_itself, -1), EDVSDSTDIED);
	CHECK_EQ(ask(&rig.low, takes_and_marks_itself, -1), EDVSSRCDIED);
}

/* ---- given back, scribbled on ---- */

static int gives_back(void)
{
	line_withdraw_here(own(), line_word_seq(own()->word));
	rig.bell->seq++;
	return 0;
}

static int gives_back_once(void)
{
	return ++sleeps == 1 ? gives_back() : answers();
}

static void test_given_back(void)
{
	CHECK_EQ(ask(&rig.high, gives_back_once, -1), OK);
	CHECK_EQ(m.m_type, 42);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 2);
	CHECK_EQ(ask(&rig.high, gives_back, 10), EDVSTIMEDOUT);
	rig.refuse[CTL_CHANNEL] = EDVSTRAPDENIED;
	CHECK_EQ(ask(&rig.high, gives_back, -1), EDVSTRAPDENIED);
}

static int scribbles(void)
{
	own()->word = line_word(77, LINE_TAKEN, LINE_OP_SENDREC, 0);
	rig.bell->seq++;
	return 0;
}

static void test_scribbled(void)
{
	CHECK_EQ(ask(&rig.high, scribbles, -1), EDVSPROCSTS);
}

/* A request to a peer that waits for our answer is that answer: nothing is owed any more. */
static void test_settles(void)
{
	message request;

	rig_post(&rig.high, LINE_OP_SENDREC, 1, 0);
	CHECK_EQ(dvk_receive(RIG_HIGH, &request), OK);
	CHECK_EQ(rig.status->misc_flags & MIS_NOMIGRATE, MIS_NOMIGRATE);
	CHECK_EQ(ask(&rig.high, answers, -1), OK);
	CHECK_EQ(rig.status->misc_flags & MIS_NOMIGRATE, 0);
}

int main(void)
{
	RIG_TEST(test_refusals);
	RIG_TEST(test_answered);
	RIG_TEST(test_answer_overtakes);
	RIG_TEST(test_not_for_this_request);
	RIG_TEST(test_send_instead);
	RIG_TEST(test_answer_before_the_request);
	RIG_TEST(test_barred);
	RIG_TEST(test_mutual);
	RIG_TEST(test_time_is_over);
	RIG_TEST(test_answered_at_the_end);
	RIG_TEST(test_deaths);
	RIG_TEST(test_deaths_on_the_way);
	RIG_TEST(test_marked_dead);
	RIG_TEST(test_given_back);
	RIG_TEST(test_scribbled);
	RIG_TEST(test_settles);
	return test_end();
}
