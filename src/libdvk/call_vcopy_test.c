/* SPDX-License-Identifier: Apache-2.0 */

/* dvk_vcopy: copies by the caller itself, copies by the daemon, and a daemon that does not answer. */

#include <errno.h>

#include "libdvk/rig_test.h"

static char here[16], there[16];

static long copy(int src, int dst)
{
	return dvk_vcopy(src, there, dst, here, sizeof(here));
}

static int answers(void)
{
	struct copy_ask *ask = &rig.status->copy;

	CHECK_EQ(rig.status->rts_flags, ONCOPY);
	CHECK_EQ(rig.status->in_control, 1); /* it is not moved meanwhile */
	ask->answer = shm_copy_answer(ask->number, rig.copy_result);
	rig.bell->seq++;
	return 0;
}

static void test_refusals(void)
{
	CHECK_EQ(dvk_vcopy(RIG_SELF, here, RIG_HIGH, there, -1), EDVSRANGE);
	CHECK_EQ(dvk_vcopy(RIG_SELF, here, RIG_HIGH, there, MAXCOPYLEN + 1), EDVSRANGE);
	CHECK_EQ(copy(RIG_SELF, RIG_SELF), EDVSENDPOINT);
	CHECK_EQ(copy(SELF, RIG_SELF), EDVSENDPOINT);
	CHECK_EQ(copy(ANY, RIG_SELF), EDVSENDPOINT);
	CHECK_EQ(copy(NONE, RIG_SELF), EDVSENDPOINT);
	CHECK_EQ(copy(RIG_SELF, ANY), EDVSENDPOINT);
	CHECK_EQ(copy(RIG_SELF, NONE), EDVSENDPOINT);
	CHECK_EQ(copy(HARDWARE, RIG_SELF), EDVSBADDEST);
	CHECK_EQ(copy(RIG_SELF, HARDWARE), EDVSBADDEST);
	CHECK_EQ(copy(SHM_SLOTS, RIG_SELF), EDVSRANGE);
	rig.status->sysproc = 0;
	CHECK_EQ(copy(RIG_HIGH, RIG_SELF), EDVSTRAPDENIED);
	rig.status->sysproc = 1;
	rig.status->calls_allowed = 0;
	CHECK_EQ(copy(RIG_HIGH, RIG_SELF), EDVSBADCALL);
	CHECK_EQ(copy(SELF, RIG_SELF), EDVSENDPOINT); /* said before that */
	CHECK_EQ(rig.status->copy.number, 0);
}

static void test_by_daemon(void)
{
	rig.on_sleep = answers;
	CHECK_EQ(copy(RIG_HIGH, SELF), OK);
	CHECK(rig_daemon_was_rung(RIG_SELF));
	CHECK_EQ(rig.status->copy.number, 1);
	CHECK_EQ(rig.status->copy.slot[0], RIG_HIGH);
	CHECK_EQ(rig.status->copy.slot[1], RIG_SELF);
	CHECK_EQ(rig.status->copy.bytes, sizeof(here));
	CHECK_EQ(rig.status->copy.addr[0], (uintptr_t)there);
	CHECK_EQ(rig.status->copy.addr[1], (uintptr_t)here);
	CHECK_EQ(rig.status->rmtcopy, 0); /* counted by the one whose data they are */
	CHECK_EQ(copy(SELF, RIG_HIGH), OK);
	CHECK_EQ(rig.status->rmtcopy, 1);
	CHECK_EQ(copy(RIG_LOW, RIG_HIGH), OK); /* between two others */
	CHECK_EQ(rig.status->rmtcopy, 1);
	rig.copy_result = EDVSFAULT;
	CHECK_EQ(copy(SELF, RIG_HIGH), EDVSFAULT);
	CHECK_EQ(rig.status->rmtcopy, 1);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 0);
}

/* The answer to a copy of before is none. */
static int answers_older(void)
{
	struct copy_ask *ask = &rig.status->copy;

	if (rig.sleeps > 3)
		return answers();
	ask->answer = shm_copy_answer(ask->number - 1, EDVSFAULT);
	rig.bell->seq++;
	return 0;
}

static void test_older_answer(void)
{
	rig.on_sleep = answers_older;
	CHECK_EQ(copy(RIG_HIGH, SELF), OK);
	CHECK_EQ(rig.sleeps, 4);
}

/* ---- nobody answers ---- */

static int forgets_us(void)
{
	rig.bound = false;
	return RIG_TO_ITS_END;
}

static int no_daemon(void)
{
	rig.connect = -ECONNREFUSED;
	return RIG_TO_ITS_END;
}

static unsigned rings;

static int loses_rings(void)
{
	CHECK(rig_daemon_was_rung(RIG_SELF)); /* again, after each sleep */
	memset((void *)rig.node_bell->news, 0, sizeof(rig.node_bell->news));
	return ++rings < 4 ? RIG_TO_ITS_END : answers();
}

static void test_lost(void)
{
	int64_t before = rig.now_ns;

	/* Another daemon, which does not know us: the one that was asked is gone. */
	rig.on_sleep = forgets_us;
	CHECK_EQ(copy(RIG_HIGH, SELF), EDVSDVSINIT);
	CHECK(rig.now_ns - before < 30 * OS_MS_NS);
	rig.bound = true;
	rig.on_sleep = no_daemon;
	CHECK_EQ(copy(RIG_HIGH, SELF), EDVSDVSINIT);
	rig.connect = 0;
	/* It is there, and a ring was lost: rung again, ever more rarely. */
	rings = 0;
	rig.on_sleep = loses_rings;
	CHECK_EQ(copy(RIG_HIGH, SELF), OK);
	CHECK(rig.slept_ns > 100 * OS_MS_NS && rig.slept_ns <= 160 * OS_MS_NS);
}

/* It is there and hangs: a minute, and the copy is given up for good. */
static void test_hangs(void)
{
	int64_t before = rig.now_ns;

	CHECK_EQ(copy(RIG_HIGH, SELF), EDVSTIMEDOUT);
	CHECK(rig.now_ns - before >= 60 * OS_SECOND_NS && rig.now_ns - before < 63 * OS_SECOND_NS);
	CHECK_EQ(rig.status->copy.number, 2);
	CHECK_EQ(rig.status->copy.bytes, SHM_COPY_NONE);
}

/* Unbound meanwhile: that daemon ends the copy, and is not asked whether it knows us. */
static int unbinds(void)
{
	if (rig.sleeps > 1)
		return answers();
	rig.status->unbound = 1;
	rig.bound = false;
	return RIG_TO_ITS_END;
}

static void test_unbound(void)
{
	rig.copy_result = EDVSNOTBIND;
	rig.on_sleep = unbinds;
	CHECK_EQ(copy(RIG_HIGH, SELF), EDVSNOTBIND);
	CHECK_EQ(rig.sleeps, 2);
}

/* ---- by ourselves ---- */

static void take_request(void)
{
	message m;

	rig_post(&rig.high, LINE_OP_SENDREC, 1, 0);
	CHECK_EQ(dvk_receive(RIG_HIGH, &m), OK);
	rig.high.page->copy_pid[1] = 4711;
}

static void test_by_pid(void)
{
	take_request();
	CHECK_EQ(copy(RIG_HIGH, SELF), OK);
	CHECK_EQ(rig.copy_pid, 4711);
	CHECK_EQ(rig.status->copy.number, 0);
	CHECK_EQ(rig.high.page->copy_busy[1], 0);
	CHECK_EQ(copy(SELF, RIG_HIGH), OK);
	CHECK_EQ(rig.status->lclcopy, 1);
	rig.copy_result = -EFAULT;
	CHECK_EQ(copy(RIG_HIGH, SELF), EDVSFAULT);
	CHECK_EQ(rig.status->copy.number, 0);
	/* The kernel does not let us: the daemon does it. */
	rig.copy_result = -EPERM;
	rig.on_sleep = answers;
	rig.status->copy.answer = shm_copy_answer(1, 0); /* at once */
	CHECK_EQ(copy(RIG_HIGH, SELF), OK);
	CHECK_EQ(rig.status->copy.number, 1);
}

/* A peer that does not wait for us might go away in the middle: the daemon looks after that. */
static void test_not_blocked(void)
{
	message m;

	take_request();
	line_close(rig_line(&rig.high), line_word_seq(rig_line(&rig.high)->word), EDVSTIMEDOUT);
	rig.on_sleep = answers;
	CHECK_EQ(copy(RIG_HIGH, SELF), OK);
	CHECK_EQ(rig.copy_pid, 0);
	/* It asks, and we have not taken that yet: it is blocked on us as well. */
	rig_post(&rig.high, LINE_OP_SENDREC, 1, 0);
	CHECK_EQ(copy(RIG_HIGH, SELF), OK);
	CHECK_EQ(rig.copy_pid, 4711);
	/* A plain send can be taken back at any moment. */
	rig.copy_pid = 0;
	line_withdraw(rig_line(&rig.high), line_word_seq(rig_line(&rig.high)->word));
	rig_post(&rig.high, LINE_OP_SEND, 1, 0);
	CHECK_EQ(copy(RIG_HIGH, SELF), OK);
	CHECK_EQ(rig.copy_pid, 0);
	/* Its request is in service, but not by us any more. */
	CHECK_EQ(dvk_receive(RIG_HIGH, &m), OK);
	rig_line(&rig.high)->word = line_word(99, LINE_TAKEN, LINE_OP_SENDREC, 0);
	CHECK_EQ(copy(RIG_HIGH, SELF), OK);
	CHECK_EQ(rig.copy_pid, 0);
	/* The daemon is about to stop it. */
	take_request();
	rig.high.page->copy_pid[1] = 0;
	rig.copy_pid = -1;
	CHECK_EQ(copy(RIG_HIGH, SELF), OK);
	CHECK_EQ(rig.copy_pid, -1);
}

/* The other died and was owed an answer: the data were for that life. */
static void test_dead(void)
{
	take_request();
	rig_kill(&rig.high);
	CHECK_EQ(copy(SELF, RIG_HIGH), EDVSDSTDIED);
	CHECK_EQ(copy(RIG_HIGH, SELF), EDVSSRCDIED);
	CHECK_EQ(rig.status->copy.number, 0);
}

int main(void)
{
	RIG_TEST(test_refusals);
	RIG_TEST(test_by_daemon);
	RIG_TEST(test_older_answer);
	RIG_TEST(test_lost);
	RIG_TEST(test_hangs);
	RIG_TEST(test_unbound);
	RIG_TEST(test_by_pid);
	RIG_TEST(test_not_blocked);
	RIG_TEST(test_dead);
	return test_end();
}
