/* SPDX-License-Identifier: Apache-2.0 */

/* The ends of a wait, the length of a sleep, and rings that were lost. */

#include <errno.h>

#include "libdvk/rig_test.h"

static struct wait wait;
static struct binding *binding;

static void begin(long timeout_ms)
{
	binding = rig_enter();
	wait_init(&wait, binding, timeout_ms, 5 * OS_MS_NS);
	wait_begin(&wait);
}

static void end(void)
{
	binding_leave(binding, 0);
}

static int interrupted(void)
{
	return -EINTR;
}

/* A move, too, interrupts the system call: then the node is another one. */
static int moved(void)
{
	rig.status->nodeid = RIG_NODE + 1;
	return -EINTR;
}

static int rung(void)
{
	rig.bell->seq++;
	return 0;
}

static void test_deadlines(void)
{
	int64_t before = rig.now_ns;

	begin(30);
	CHECK_EQ(wait_step(&wait), 0); /* the sleep that lasts to the deadline */
	CHECK_EQ(rig.sleeps, 1);
	CHECK(rig.slept_ns <= 30 * OS_MS_NS && rig.slept_ns > 25 * OS_MS_NS);
	CHECK(rig.slept_on == &binding->bell->seq);
	CHECK_EQ(wait_step(&wait), EDVSTIMEDOUT);
	CHECK(wait_is_over(&wait));
	CHECK(rig.now_ns - before < 31 * OS_MS_NS);
	/* A call that must not wait has its grace, and another error. */
	wait_init(&wait, binding, TIMEOUT_NOWAIT, 5 * OS_MS_NS);
	wait_begin(&wait);
	CHECK(wait.brief);
	CHECK_EQ(wait_step(&wait), 0);
	CHECK(rig.slept_ns <= 5 * OS_MS_NS);
	CHECK_EQ(wait_step(&wait), EDVSAGAIN);
	/* Without a time-out it is never late, and each sleep is bounded all the same. */
	wait_init(&wait, binding, -1, 0);
	wait_begin(&wait);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(wait_step(&wait), 0);
		CHECK(rig.slept_ns <= OS_SECOND_NS && rig.slept_ns > OS_SECOND_NS / 2);
	}
	CHECK(!wait_is_over(&wait));
	end();
}

/* Found in the moment when the time is over: there is another look before the call gives up. */
static void test_found_when_late(void)
{
	uint64_t value = 1;

	begin(1);
	binding->looking.cold = binding->yielding.cold = 10;
	wait.word[1] = (_Atomic uint64_t *)&value; /* word[1] is not looked at in the fast part */
	rig.now_ns += 2 * OS_MS_NS;
	CHECK_EQ(wait_step(&wait), 0);
	wait.seen[1] = 1;
	CHECK_EQ(wait_step(&wait), EDVSTIMEDOUT);
	CHECK_EQ(rig.sleeps, 0);
	end();
}

static void test_latches(void)
{
	begin(-1);
	rig.status->latch = EDVSWOKENUP;
	CHECK_EQ(wait_step(&wait), 0); /* it waits for one: that does not concern it, and stays */
	CHECK_EQ(rig.sleeps, 1);
	CHECK_EQ(rig.status->latch, EDVSWOKENUP);
	wait.any = true;
	CHECK_EQ(wait_step(&wait), EDVSWOKENUP);
	CHECK_EQ(rig.status->latch, 0);
	CHECK_EQ(rig.sleeps, 1);
	rig.status->latch = EDVSSHUTDOWN;
	wait.any = false;
	CHECK_EQ(wait_step(&wait), EDVSSHUTDOWN);
	CHECK_EQ(wait_latch(binding, true), 0);
	end();
}

static int latch_comes(void)
{
	rig.status->latch = EDVSSHUTDOWN;
	rig.bell->seq++;
	return 0;
}

static void test_latch_in_sleep(void)
{
	begin(-1);
	rig.on_sleep = latch_comes;
	CHECK_EQ(wait_step(&wait), 0);
	CHECK_EQ(wait_step(&wait), EDVSSHUTDOWN);
	end();
}

static void test_signals(void)
{
	begin(-1);
	rig.on_sleep = interrupted;
	CHECK_EQ(wait_step(&wait), EDVSINTR);
	rig.on_sleep = moved;
	CHECK_EQ(wait_step(&wait), 0);
	/* Retreating: nothing but the time and what is awaited ends it. */
	rig.on_sleep = interrupted;
	wait.firm = true;
	wait.any = true;
	rig.status->latch = EDVSSHUTDOWN;
	rig.status->hold = 1;
	CHECK_EQ(wait_step(&wait), 0);
	CHECK_EQ(rig.sleeps, 3);
	CHECK_EQ(rig.status->latch, EDVSSHUTDOWN);
	rig.status->hold = 0;
	end();
}

static void test_user_mode(void)
{
	begin(-1);
	CHECK_EQ(wait_step(&wait), 0);
	CHECK_EQ(rig.timers_blocked, 0);
	rig.status->misc_flags = MIS_USERMODE;
	CHECK_EQ(wait_step(&wait), 0);
	CHECK_EQ(rig.timers_blocked, 1);
	CHECK_EQ(rig.blocked, 0);
	end();
}

/* ---- rings that were lost ---- */

static bool all_are_news(void)
{
	unsigned index = (unsigned)shm_index(RIG_HIGH);

	return binding->news[index / 64] >> index % 64 & 1;
}

static void test_lost_ring(void)
{
	rig_show(&rig.high);
	begin(-1);
	rig.on_sleep = rung;
	CHECK_EQ(wait_step(&wait), 0);
	CHECK(!all_are_news()); /* somebody rang: the news say who */
	wait_found(binding);
	CHECK_EQ(binding->distrust, 0);
	rig.on_sleep = NULL;
	wait_begin(&wait);
	CHECK_EQ(wait_step(&wait), 0);
	CHECK(all_are_news()); /* a full sleep: all count as having rung */
	/* There was nothing: all is well. */
	CHECK_EQ(binding->distrust, 0);
	/* There was something: a ring was lost, and the sleeps are short for a while. */
	wait_found(binding);
	CHECK(binding->distrust > 100);
	CHECK_EQ(wait_step(&wait), 0);
	CHECK(rig.slept_ns <= 3 * OS_MS_NS);
	binding->distrust = 1;
	CHECK_EQ(wait_step(&wait), 0);
	CHECK(rig.slept_ns <= 3 * OS_MS_NS);
	CHECK_EQ(binding->distrust, 0);
	CHECK_EQ(wait_step(&wait), 0);
	CHECK(rig.slept_ns > 900 * OS_MS_NS);
	end();
}

/* Cut short by the caller's time, or by a nap of its own, a sleep says nothing about rings. */
static void test_short_sleeps_prove_nothing(void)
{
	rig_show(&rig.high);
	begin(10);
	CHECK_EQ(wait_step(&wait), 0);
	CHECK(!all_are_news());
	wait_init(&wait, binding, -1, 0);
	wait_begin(&wait);
	wait.nap_ns = OS_MS_NS;
	CHECK_EQ(wait_step(&wait), 0);
	CHECK(rig.slept_ns <= OS_MS_NS);
	CHECK(!all_are_news());
	wait_found(binding);
	CHECK_EQ(binding->distrust, 0);
	end();
}

static _Atomic uint64_t watched_word;

static int word_changes_unrung(void)
{
	watched_word = 8;
	return RIG_TO_ITS_END;
}

static void test_word_without_ring(void)
{
	begin(-1);
	watched_word = 7;
	wait.word[0] = &watched_word;
	wait.seen[0] = 7;
	rig.on_sleep = word_changes_unrung;
	CHECK_EQ(wait_step(&wait), 0);
	CHECK(binding->distrust > 100);
	end();
}

static int word_gets_on_unrung(void)
{
	watched_word = line_word(7, LINE_TAKEN, LINE_OP_SENDREC, 0);
	return RIG_TO_ITS_END;
}

/* The receiver does not ring when it takes a request: that its sender finds it taken is no lost ring. */
static void test_word_that_gets_on(void)
{
	begin(-1);
	watched_word = line_word(7, LINE_FULL, LINE_OP_SENDREC, 0);
	wait.word[1] = &watched_word;
	wait.seen[1] = watched_word;
	rig.on_sleep = word_gets_on_unrung;
	CHECK_EQ(wait_step(&wait), 0);
	CHECK_EQ(binding->distrust, 0);
	end();
}

/* The look between "I sleep" and the sleep: a change before it is not slept through. */
static void change_at_yield(void)
{
	if (rig.yields == 1)
		rig.status->hold = 1;
}

static void test_second_look(void)
{
	begin(-1);
	rig.on_yield = change_at_yield;
	CHECK_EQ(wait_step(&wait), 0);
	CHECK_EQ(rig.yields >= 1, true);
	CHECK_EQ(rig.sleeps, 0);
	rig.status->hold = 0;
	end();
}

/* ---- rings of waiters ---- */

static void test_suspects_a_ring(void)
{
	begin(-1);
	CHECK_EQ(wait_step(&wait), 0);
	CHECK_EQ(rig.status->asks, 0); /* more than one could end it: never */
	wait_init(&wait, binding, -1, 0);
	wait_for_one(&wait);
	wait_begin(&wait);
	CHECK_EQ(wait_step(&wait), 0);
	CHECK(rig.slept_ns <= 20 * OS_MS_NS && rig.slept_ns > 15 * OS_MS_NS);
	CHECK_EQ(rig.status->asks, 1);
	CHECK(rig_daemon_was_rung(RIG_SELF));
	/* Ever more rarely. */
	rig.status->asks = 0;
	CHECK_EQ(wait_step(&wait), 0);
	CHECK(rig.slept_ns > 150 * OS_MS_NS && rig.slept_ns <= 160 * OS_MS_NS);
	CHECK_EQ(rig.status->asks, 1);
	rig.status->asks = 0;
	CHECK_EQ(wait_step(&wait), 0); /* 1.28 s: in two sleeps */
	CHECK_EQ(rig.status->asks, 0);
	CHECK_EQ(wait_step(&wait), 0);
	CHECK_EQ(rig.status->asks, 1);
	end();
}

static void test_locked(void)
{
	begin(-1);
	wait_for_one(&wait);
	wait.flags = SENDING;
	wait.sendto = RIG_HIGH;
	CHECK_EQ(wait_step(&wait), 0);
	CHECK_EQ(rig.status->rts_flags, SENDING);
	CHECK_EQ(rig.status->sendto, RIG_HIGH);
	/* Of another wait than this one. */
	rig.status->locked = rig.status->waits + 1;
	CHECK_EQ(wait_step(&wait), 0);
	rig.status->locked = rig.status->waits;
	CHECK_EQ(wait_step(&wait), EDVSLOCKED);
	/* One that others could end, too, is in no ring. */
	wait.ring_in_ns = 0;
	CHECK_EQ(wait_step(&wait), 0);
	end();
	CHECK_EQ(rig.status->rts_flags, 0);
}

/* ---- the gate ---- */

static int held_sleeps;

static int lets_go(void)
{
	CHECK_EQ(rig.status->rts_flags & MIGRATING, MIGRATING);
	if (++held_sleeps == 2)
		rig.status->hold = 0;
	return 0;
}

static void test_gate(void)
{
	begin(-1);
	CHECK_EQ(wait_gate(binding, -1), 0);
	rig.status->hold = 1;
	held_sleeps = 0;
	rig.on_sleep = lets_go;
	CHECK_EQ(wait_gate(binding, -1), 0);
	CHECK_EQ(held_sleeps, 2);
	CHECK_EQ(rig.status->rts_flags, 0);
	rig.status->hold = 1;
	rig.on_sleep = interrupted;
	CHECK_EQ(wait_gate(binding, -1), EDVSINTR);
	rig.on_sleep = NULL;
	CHECK_EQ(wait_gate(binding, rig.now_ns + 3 * OS_MS_NS), WAIT_E_LATE);
	CHECK(rig.slept_ns <= 3 * OS_MS_NS);
	wait_init(&wait, binding, 3, 0);
	CHECK_EQ(wait_step(&wait), EDVSTIMEDOUT);
	/* Unbound while held: the end of both. */
	rig.status->unbound = 1;
	CHECK_EQ(wait_gate(binding, -1), EDVSNOTBIND);
	rig.status->hold = 0;
	CHECK_EQ(wait_step(&wait), EDVSNOTBIND);
	end();
}

/* It came out of a file as another endpoint: the next look at the gate finds out, also in the middle of a wait. */
static void test_another_endpoint(void)
{
	int p_nr = rig.status->p_nr, endpoint = rig.status->endpoint;

	begin(-1);
	rig.status->p_nr = p_nr + 1;
	rig.status->endpoint = endpoint + 1;
	CHECK_EQ(wait_gate(binding, -1), 0);
	CHECK_EQ(binding->p_nr, p_nr + 1);
	CHECK_EQ(binding->life, endpoint + 1);
	rig.status->p_nr = p_nr;
	rig.status->endpoint = endpoint;
	CHECK_EQ(wait_gate(binding, -1), 0);
	CHECK_EQ(binding->p_nr, p_nr);
	end();
}

int main(void)
{
	RIG_TEST(test_deadlines);
	RIG_TEST(test_found_when_late);
	RIG_TEST(test_latches);
	RIG_TEST(test_latch_in_sleep);
	RIG_TEST(test_signals);
	RIG_TEST(test_user_mode);
	RIG_TEST(test_lost_ring);
	RIG_TEST(test_short_sleeps_prove_nothing);
	RIG_TEST(test_word_without_ring);
	RIG_TEST(test_word_that_gets_on);
	RIG_TEST(test_second_look);
	RIG_TEST(test_suspects_a_ring);
	RIG_TEST(test_locked);
	RIG_TEST(test_gate);
	RIG_TEST(test_another_endpoint);
	return test_end();
}
