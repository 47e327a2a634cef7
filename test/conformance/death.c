/* SPDX-License-Identifier: Apache-2.0 */
/* What ends a wait besides what was waited for: the other's death or unbind, a signal, a wakeup. */
#include "conformance/stage.h"

#include <signal.h>

/*
 * Time from a death to the error at the waiting process. The aim is 50 ms; a busy test machine needs some air.
 */
#define NOTICE_MS 400

static void hears_of_death(struct puppet *waiter, struct puppet *victim, long error)
{
	long begin = stage_now_ms();

	stage_kill(victim, SIGKILL);
	CHECK_EQ(hear_within(waiter, 3000), error);
	CHECK(stage_now_ms() - begin < NOTICE_MS);
	CHECK(row_becomes(0, waiter->nr, ROW_FLAGS, ~0L & ~REMOTE, 0, 1000));
}

static void test_sender_hears_of_death(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(a, "send %d 7 -1 1", b->ep);
	CHECK(is_blocked(a));
	hears_of_death(a, b, EDVSDSTDIED);
}

static void test_receiver_hears_of_death(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(a, "receive %d -1", b->ep);
	CHECK(is_blocked(a));
	hears_of_death(a, b, EDVSSRCDIED);
}

static void test_caller_not_taken_hears_of_death(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(a, "sendrec %d 7 -1 1", b->ep);
	CHECK(is_blocked(a));
	hears_of_death(a, b, EDVSDSTDIED);
}

static void test_caller_taken_hears_of_death(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(a, "sendrec %d 7 -1 1", b->ep);
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
	hears_of_death(a, b, EDVSSRCDIED);
}

static void test_any_is_not_disturbed_by_death(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11), *c = stage_bound(2, 12);

	tell(a, "receive %d 5000", ANY);
	CHECK(is_blocked(a));
	stage_end(b);
	CHECK(is_silent(a, 200));
	CHECK_EQ(ask(c, "send %d 7 1000 1", a->ep), 0);
	CHECK_EQ(hear(a), 0);
}

static void test_unbind_tells_all_who_wait(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11), *c = stage_bound(2, 12),
		      *d = stage_bound(0, 13);

	tell(a, "send %d 7 -1 1", b->ep);
	tell(c, "receive %d -1", b->ep);
	tell(d, "wait4bind %d %d -1", WAIT_UNBIND, b->ep);
	CHECK(is_blocked(a) && is_blocked(c));
	CHECK(is_silent(d, 50));
	CHECK_EQ(ask(b, "unbind %d %d -1", STAGE_DCID, b->ep), 0);
	CHECK_EQ(hear(a), EDVSDSTDIED);
	CHECK_EQ(hear(c), EDVSSRCDIED);
	CHECK_EQ(hear(d), 0);
	CHECK_EQ(ask(b, "receive %d 100", ANY), EDVSNOTBIND);
	CHECK(row_becomes(0, 11, ROW_FLAGS, SLOT_FREE, SLOT_FREE, 1000));
}

static void test_dead_client_leaves_the_server_free(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11), *c = stage_bound(2, 12);

	tell(a, "sendrec %d 7 -1 1", b->ep);
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
	stage_end(a);
	CHECK(row_becomes(1, 10, ROW_FLAGS, SLOT_FREE, SLOT_FREE, 2000));
	CHECK(ask(b, "reply %d 8 1000 1", a->ep) < 0);
	tell(c, "sendrec %d 7 -1 1", b->ep);
	CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
	CHECK_EQ(ask(b, "reply %d 8 1000 1", c->ep), 0);
	CHECK_EQ(hear(c), 0);
}

/*
 * An answer that a server owes to a life that has ended is never given to the next one, which has the same
 * number: the call says so, once, and what follows is the new life's own.
 */
static void test_an_answer_is_not_given_to_the_next_life(void)
{
	static const char *const answers[] = { "reply %d 8 1000 1", "send %d 8 1000 1",
					       "sendrec %d 8 1000 1" };
	static const long results[] = { EDVSDSTDIED, EDVSDSTDIED, EDVSDEADSRCDST };

	for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

		tell(a, "sendrec %d 7 -1 1", b->ep);
		CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
		stage_end(a);
		CHECK(row_becomes(1, 10, ROW_FLAGS, SLOT_FREE, SLOT_FREE, 2000));
		a = stage_bound(0, 10);
		tell(a, "sendrec %d 9 -1 1", b->ep);
		CHECK_EQ(ask(b, "receive %d 2000", ANY), 0);
		CHECK_EQ(b->value[2], 9);
		CHECK_EQ(ask(b, answers[i], a->ep), results[i]);
		CHECK(is_silent(a, 50));
		CHECK_EQ(ask(b, "reply %d 10 1000 1", a->ep), 0);
		CHECK_EQ(hear(a), 0);
		CHECK_EQ(a->value[2], 10);
		stage_end(a);
		stage_end(b);
		CHECK(row_becomes(0, 11, ROW_FLAGS, SLOT_FREE, SLOT_FREE, 2000));
	}
}

static void test_dead_sender_leaves_no_message(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(a, "send %d 7 -1 1", b->ep);
	CHECK(is_blocked(a));
	stage_end(a);
	CHECK(row_becomes(1, 10, ROW_FLAGS, SLOT_FREE, SLOT_FREE, 2000));
	CHECK_EQ(ask(b, "receive %d 200", ANY), EDVSTIMEDOUT);
}

static void interrupt(struct puppet *p)
{
	CHECK(is_blocked(p));
	CHECK_EQ(hear_interrupted(p), EDVSINTR);
}

static void test_signal_ends_a_wait(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(a, "receive %d -1", ANY);
	interrupt(a);
	tell(a, "send %d 7 -1 1", b->ep);
	interrupt(a);
	tell(a, "sendrec %d 7 -1 1", b->ep);
	interrupt(a);
	CHECK_EQ(ask(b, "receive %d 100", ANY), EDVSTIMEDOUT);
	CHECK_EQ(row(0, a->nr, ROW_FLAGS), 0);
}

static void test_wakeup_ends_a_receive_from_any(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(0, 11);

	tell(a, "receive %d -1", ANY);
	CHECK(is_blocked(a));
	CHECK_EQ(ask(b, "wakeup %d %d", STAGE_DCID, a->ep), 0);
	CHECK_EQ(hear(a), EDVSWOKENUP);
	CHECK_EQ(ask(b, "wakeup %d %d", STAGE_DCID, a->ep), EDVSPROCRUN);
	CHECK_EQ(ask(a, "receive %d 0", ANY), EDVSWOKENUP);
	CHECK_EQ(ask(a, "receive %d 0", ANY), EDVSAGAIN);
}

static void test_wakeup_errors(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);
	int nobody = (int)row(0, STAGE_FREE_SERVER, ROW_ENDPOINT);

	CHECK_EQ(ask(a, "wakeup %d %d", STAGE_DCID, a->ep), EDVSBADPROC);
	CHECK_EQ(ask(a, "wakeup %d %d", STAGE_DCID, nobody), EDVSDSTDIED);
	CHECK_EQ(ask(a, "wakeup %d 300", STAGE_DCID), EDVSRANGE);
	CHECK_EQ(ask(a, "wakeup %d %d", STAGE_DCID, b->ep + 2 * _ENDPOINT_GENERATION_SIZE),
		 EDVSENDPOINT);
	CHECK_EQ(ask(a, "wakeup 77 %d", b->ep), EDVSBADDCID);
	CHECK_EQ(ask(a, "wakeup 30 %d", b->ep), EDVSDCNOTRUN);
	if (!stage_together(0, 1))
		CHECK_EQ(ask(a, "wakeup %d %d", STAGE_DCID, b->ep), EDVSRMTPROC);
}

static void test_stopped_receiver_loses_nothing(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	tell(b, "receive %d -1", ANY);
	CHECK(is_blocked(b));
	stage_kill(b, SIGSTOP);
	tell(a, "send %d 7 -1 1", b->ep);
	CHECK(is_silent(b, 100));
	stage_kill(b, SIGCONT);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(b->value[1], a->ep);
}

static bool is_word_of_death(long result)
{
	return result == EDVSDSTDIED || result == EDVSSRCDIED || result == EDVSDEADSRCDST ||
	       result == EDVSENDPOINT;
}

/* Whatever two are about when one is killed, the other's wait ends, and it can go on. */
static void test_death_at_any_moment(void)
{
	struct puppet *a = stage_bound(0, 10), *c = stage_bound(2, 12);
	unsigned state = 1;

	for (int i = 0; i < 24; i++) {
		struct puppet *b = stage_bound(1, 11);
		long result;

		if (i % 2)
			tell(b, "%s %d -1", i % 4 == 1 ? "serve" : "receive", ANY);
		if (i % 3 == 0)
			tell(a, "send %d 7 -1 1", b->ep);
		else if (i % 3 == 1)
			tell(a, "sendrec %d 7 -1 1", b->ep);
		else
			tell(a, "receive %d -1", b->ep);
		state = state * 1103515245 + 12345;
		stage_sleep_us(state >> 16 & 4095);
		stage_kill(b, SIGKILL);
		result = hear_within(a, 2000);
		CHECK(result == 0 || is_word_of_death(result));
		CHECK(row_becomes(0, 11, ROW_FLAGS, ~0L, SLOT_FREE, 2000));
		stage_dismiss(b);
	}
	tell(c, "receive %d 5000", a->ep);
	CHECK_EQ(ask(a, "send %d 7 5000 1", c->ep), 0);
	CHECK_EQ(hear(c), 0);
}

int main(int argc, char **argv)
{
	static const struct stage_test tests[] = {
		STAGE_TEST(test_sender_hears_of_death),
		STAGE_TEST(test_receiver_hears_of_death),
		STAGE_TEST(test_caller_not_taken_hears_of_death),
		STAGE_TEST(test_caller_taken_hears_of_death),
		STAGE_TEST(test_any_is_not_disturbed_by_death),
		STAGE_TEST(test_unbind_tells_all_who_wait),
		STAGE_TEST(test_dead_client_leaves_the_server_free),
		STAGE_TEST(test_an_answer_is_not_given_to_the_next_life),
		STAGE_TEST(test_dead_sender_leaves_no_message),
		STAGE_TEST(test_signal_ends_a_wait),
		STAGE_TEST(test_wakeup_ends_a_receive_from_any),
		STAGE_TEST(test_wakeup_errors),
		STAGE_TEST(test_stopped_receiver_loses_nothing),
		STAGE_TEST(test_death_at_any_moment),
	};

	return stage_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
