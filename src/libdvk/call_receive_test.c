/* SPDX-License-Identifier: Apache-2.0 */

/* dvk_receive and dvk_rcvrqst: the order of service, and the messages that are not for a receiver. */

#include <errno.h>

#include "base/bits.h"
#include "libdvk/rig_test.h"

static message m;

static void test_refusals(void)
{
	CHECK_EQ(dvk_receive(RIG_SELF, &m), EDVSENDPOINT);
	CHECK_EQ(dvk_receive(SHM_SLOTS, &m), EDVSRANGE);
	CHECK_EQ(dvk_receive(RIG_NOONE, &m), EDVSSRCDIED);
	CHECK_EQ(dvk_receive(ANY, NULL), EDVSFAULT);
	CHECK_EQ(dvk_receive(RIG_HIGH, NULL), EDVSFAULT);
	CHECK_EQ(dvk_rcvrqst(NULL), EDVSFAULT);
	rig.status->sysproc = 0;
	CHECK_EQ(dvk_rcvrqst(&m), EDVSTRAPDENIED);
	rig.status->calls_allowed = 0;
	CHECK_EQ(dvk_receive(ANY, &m), EDVSBADCALL);
	CHECK_EQ(dvk_rcvrqst(&m), EDVSBADCALL);
}

static void test_nothing(void)
{
	int64_t before = rig.now_ns;

	CHECK_EQ(dvk_receive_T(ANY, &m, 30), EDVSTIMEDOUT);
	CHECK(rig.now_ns - before >= 30 * OS_MS_NS && rig.now_ns - before < 32 * OS_MS_NS);
	before = rig.now_ns;
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK_EQ(dvk_receive_T(RIG_HIGH, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK(rig.now_ns - before < OS_MS_NS);
	rig.status->latch = EDVSWOKENUP;
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSWOKENUP);
}

static int comes(void)
{
	CHECK_EQ(rig.status->rts_flags, RECEIVING);
	rig_post(&rig.high, LINE_OP_SEND, 6, 0);
	return 0;
}

static void test_comes(void)
{
	rig.on_sleep = comes;
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_type, 6);
	CHECK_EQ(m.m_source, RIG_HIGH);
	CHECK_EQ(rig.sleeps, 1);
	CHECK_EQ(line_word_state(rig_line(&rig.high)->word), LINE_TAKEN);
	CHECK_EQ(dvk_receive(RIG_HIGH, &m), OK);
	CHECK_EQ(rig.sleeps, 2);
}

/* Nobody rang: after a second it is found all the same, of peers that the daemon shows. */
static int comes_unrung(void)
{
	uint32_t seq = rig.bell->seq;

	if (rig.sleeps == 1)
		rig_post(&rig.low, LINE_OP_SEND, 7, 0);
	memset((void *)rig.bell->news, 0, sizeof(rig.bell->news));
	rig.bell->seq = seq;
	return RIG_TO_ITS_END;
}

static void test_lost_ring(void)
{
	int64_t before = rig.now_ns;

	rig.on_sleep = comes_unrung;
	CHECK_EQ(dvk_receive_T(ANY, &m, 5000), OK);
	CHECK_EQ(m.m_type, 7);
	CHECK(rig.now_ns - before < 1100 * OS_MS_NS);
	/* Then it is not believed that rings come: the next one is found within milliseconds. */
	rig.sleeps = 0;
	before = rig.now_ns;
	CHECK_EQ(dvk_receive_T(RIG_LOW, &m, 5000), OK);
	CHECK(rig.now_ns - before < 10 * OS_MS_NS);
}

/* ---- the order ---- */

/* Found at one look: the one that says that it came to this node first. */
static void test_order_of_arrival(void)
{
	rig_post(&rig.low, LINE_OP_SEND, 1, 2000);
	rig_post(&rig.high, LINE_OP_SEND, 2, 1000);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_type, 2);
	/* A later one that claims to be older does not get ahead of one that was seen before. */
	rig_post(&rig.high, LINE_OP_SEND, 3, 1);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_type, 1);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_type, 3);
}

static void test_specific(void)
{
	rig_post(&rig.low, LINE_OP_SEND, 1, 1);
	rig_post(&rig.high, LINE_OP_SEND, 2, 2);
	CHECK_EQ(dvk_receive(RIG_HIGH, &m), OK);
	CHECK_EQ(m.m_type, 2);
	CHECK_EQ(dvk_receive_T(RIG_HIGH, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_type, 1);
}

/* One sender after the other, so often, is looked at without its ring. */
static void test_watched(void)
{
	for (int i = 0; i < 6; i++) {
		rig_post(&rig.high, LINE_OP_SEND, i, 0);
		CHECK_EQ(dvk_receive(ANY, &m), OK);
		CHECK_EQ(m.m_type, i);
	}
	CHECK_EQ(rig.bell->watched, shm_index(RIG_HIGH) + 1);
	rig_post(&rig.high, LINE_OP_SEND, 9, 0);
	memset((void *)rig.bell->news, 0, sizeof(rig.bell->news));
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), OK);
	CHECK_EQ(m.m_type, 9);
	rig.status->hardware = 1;
	rig_post(&rig.high, LINE_OP_SEND, 9, 0);
	memset((void *)rig.bell->news, 0, sizeof(rig.bell->news));
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_source, HARDWARE);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_type, 9);
	/* Another that was seen before is served first. */
	rig_post(&rig.low, LINE_OP_SEND, 20, 5);
	rig_post(&rig.high, LINE_OP_SEND, 21, 9);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_type, 20);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_type, 21);
	/* The watch goes over to the other: a last look at the one before. */
	for (int i = 0; i < 6; i++) {
		rig_post(&rig.low, LINE_OP_SEND, i, 0);
		if (i == 5) { /* it did not ring, because it was the watched one */
			message late = { .m_type = 30 };

			line_post(rig_line(&rig.high), LINE_OP_SEND, &late, 0);
		}
		CHECK_EQ(dvk_receive(RIG_LOW, &m), OK);
	}
	CHECK_EQ(rig.bell->watched, shm_index(RIG_HIGH) + 1); /* only receives from any watch */
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), OK);
	CHECK_EQ(m.m_type, 30);
}

static void test_watch_goes_over(void)
{
	message late = { .m_type = 31 };

	for (int i = 0; i < 6; i++) {
		rig_post(&rig.high, LINE_OP_SEND, i, 0);
		CHECK_EQ(dvk_receive(ANY, &m), OK);
	}
	for (int i = 0; i < 4; i++) {
		rig_post(&rig.low, LINE_OP_SEND, i, 0);
		CHECK_EQ(dvk_receive(ANY, &m), OK);
	}
	CHECK_EQ(rig.bell->watched, shm_index(RIG_HIGH) + 1);
	rig_post(&rig.low, LINE_OP_SEND, 5, 1);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(rig.bell->watched, shm_index(RIG_LOW) + 1);
	/* It looked at our bell before: it has not rung. */
	line_post(rig_line(&rig.high), LINE_OP_SEND, &late, 0);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), OK);
	CHECK_EQ(m.m_type, 31);
}

/* ---- what is not for a receiver ---- */

static void test_answers_and_replies(void)
{
	struct line *line = rig_line(&rig.high);

	/* An answer to a request that is over, a reply to a receiver from any: given back, their sender is told. */
	rig.high.bell->sleeping = 1;
	rig_post(&rig.high, LINE_OP_ANSWER, 1, 5);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK_EQ(line_word_state(line->word), LINE_WITHDRAWN);
	CHECK_EQ(rig.wakes, 1);
	rig_post(&rig.high, LINE_OP_REPLY, 1, 0);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK_EQ(line_word_state(line->word), LINE_WITHDRAWN);
	CHECK_EQ(rig.wakes, 2);
	rig_post(&rig.high, LINE_OP_REPLY, 2, 0);
	CHECK_EQ(dvk_receive_T(RIG_HIGH, &m, TIMEOUT_NOWAIT), OK);
	CHECK_EQ(m.m_type, 2);
}

static void test_barred(void)
{
	unsigned index = (unsigned)shm_index(RIG_HIGH);

	rig.status->bars = 1;
	bits_set((uint64_t *)(uintptr_t)rig.status->barred[LINE_OP_SEND], index);
	rig_post(&rig.high, LINE_OP_SEND, 1, 0);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	rig_post(&rig.high, LINE_OP_SENDREC, 2, 0);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), OK);
	CHECK_EQ(m.m_type, 2);
	/* And its notifications: gone, not delivered later. */
	bits_set((uint64_t *)(uintptr_t)rig.status->barred[0], index);
	notify_post(&rig.high.page->notify[1], RIG_HIGH, 3);
	bits_set((uint64_t *)(uintptr_t)rig.bell->news, index);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	memset((void *)rig.status->barred, 0, sizeof(rig.status->barred));
	bits_set((uint64_t *)(uintptr_t)rig.bell->news, index);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
}

/* A stranger rings in the name of others: the daemon is asked only about peers that it shows. */
static void test_rings_of_strangers(void)
{
	memset((void *)rig.bell->news, 0xff, sizeof(rig.bell->news));
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 0);
	rig_show(&rig.low);
	memset((void *)rig.bell->news, 0xff, sizeof(rig.bell->news));
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 1);
	/* Itself least of all. */
	bits_set((uint64_t *)(uintptr_t)rig.status->peers, (unsigned)shm_index(RIG_SELF));
	memset((void *)rig.bell->news, 0xff, sizeof(rig.bell->news));
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 1);
}

/* ---- notifications ---- */

static void notify(struct rig_peer *peer, int value)
{
	notify_post(&peer->page->notify[shm_side(peer->p_nr, RIG_SELF)], peer->p_nr, value);
	rig_show(peer);
	bits_set((uint64_t *)(uintptr_t)rig.bell->news, (unsigned)shm_index(peer->p_nr));
	rig.bell->seq++;
}

static void test_notes(void)
{
	rig_post(&rig.low, LINE_OP_SEND, 1, 0);
	notify(&rig.high, 3);
	notify(&rig.low, -1);
	CHECK_EQ(dvk_rcvrqst(&m), OK); /* wants none */
	CHECK_EQ(m.m_type, 1);
	/* Before every message, the lowest slot first, also to a receiver from one source. */
	rig_post(&rig.high, LINE_OP_SEND, 2, 0);
	CHECK_EQ(dvk_receive(RIG_HIGH, &m), OK);
	CHECK_EQ(m.m_source, RIG_LOW);
	CHECK_EQ(m.m_type, NOTIFY_FROM(RIG_LOW));
	CHECK_EQ(dvk_receive(RIG_HIGH, &m), OK);
	CHECK_EQ(m.m_source, RIG_HIGH);
	CHECK_EQ(m.m9_l1, 1 << 3);
	CHECK_EQ(dvk_receive(RIG_HIGH, &m), OK);
	CHECK_EQ(m.m_type, 2);
}

static int notify_twice(void)
{
	notify(&rig.high, 1);
	notify(&rig.high, 2);
	return 0;
}

/* Waited for: the first that came is delivered alone, the one after it stays. Else they have merged. */
static void test_notes_merge(void)
{
	notify(&rig.high, 1);
	notify(&rig.high, 2);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m9_l1, 1 << 1 | 1 << 2);
	rig.on_sleep = notify_twice;
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_source, RIG_HIGH);
	CHECK_EQ(rig.sleeps, 1);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), OK);
	CHECK_EQ(dvk_receive_T(ANY, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
}

static void test_hardware(void)
{
	notify(&rig.low, -1);
	rig.status->hardware = 1;
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_source, HARDWARE);
	CHECK_EQ(rig.status->hardware, 0);
	CHECK_EQ(dvk_receive(ANY, &m), OK);
	CHECK_EQ(m.m_source, RIG_LOW);
}

/* ---- ends ---- */

static int dies(void)
{
	rig_kill(&rig.high);
	return 0;
}

static void test_deaths(void)
{
	rig_post(&rig.high, LINE_OP_SEND, 1, 0);
	CHECK_EQ(dvk_receive(RIG_HIGH, &m), OK);
	rig.on_sleep = dies;
	CHECK_EQ(dvk_receive(RIG_HIGH, &m), EDVSSRCDIED);
	/* Another life in the slot: one that waited for the first is told of its end. */
	rig.on_sleep = NULL;
	CHECK_EQ(dvk_receive_T(ANY, &m, 10), EDVSTIMEDOUT);
}

static int next_life(void)
{
	if (rig.sleeps > 1)
		return RIG_TO_ITS_END;
	rig_kill(&rig.high);
	rig.high.page->dead = 0;
	rig.high.life = _ENDPOINT(1, RIG_HIGH);
	return 0;
}

static void test_next_life(void)
{
	rig_show(&rig.high);
	rig.on_sleep = next_life;
	CHECK_EQ(dvk_receive_T(RIG_HIGH, &m, 5000), EDVSSRCDIED);
}

static int interrupted(void)
{
	return -EINTR;
}

static int wakes_up(void)
{
	rig.status->latch = EDVSWOKENUP;
	rig.bell->seq++;
	return 0;
}

static int unbinds(void)
{
	rig.status->unbound = 1;
	rig.bound = false;
	rig.bell->seq++;
	return 0;
}

static void test_ends(void)
{
	rig.on_sleep = interrupted;
	CHECK_EQ(dvk_receive(ANY, &m), EDVSINTR);
	rig.on_sleep = wakes_up;
	CHECK_EQ(dvk_receive(ANY, &m), EDVSWOKENUP);
	CHECK_EQ(dvk_receive_T(RIG_HIGH, &m, 10), EDVSTIMEDOUT); /* which it does not end */
	rig.status->latch = 0;
	rig.on_sleep = unbinds;
	CHECK_EQ(dvk_receive(ANY, &m), EDVSNOTBIND);
	CHECK_EQ(dvk_receive(ANY, &m), EDVSNOTBIND);
}

/* ---- a source that nobody has bound yet ---- */

static int binds(void)
{
	CHECK_EQ(rig.status->waitbind, 1); /* so that the daemon rings for it */
	if (rig.sleeps == 2) {
		rig.refuse[CTL_CHANNEL] = 0;
		rig_post(&rig.high, LINE_OP_SEND, 60, 0);
	}
	rig.bell->seq++;
	return 0;
}

static void test_source_not_bound_yet(void)
{
	rig.refuse[CTL_CHANNEL] = EDVSAGAIN;
	CHECK_EQ(dvk_receive_T(RIG_HIGH, &m, TIMEOUT_NOWAIT), EDVSAGAIN);
	CHECK_EQ(rig.status->waitbind, 0);
	rig.on_sleep = binds;
	CHECK_EQ(dvk_receive(RIG_HIGH, &m), OK);
	CHECK_EQ(m.m_type, 60);
	CHECK_EQ(rig.sleeps, 2);
	CHECK_EQ(rig.status->waitbind, 0);
}

int main(void)
{
	RIG_TEST(test_refusals);
	RIG_TEST(test_nothing);
	RIG_TEST(test_comes);
	RIG_TEST(test_lost_ring);
	RIG_TEST(test_order_of_arrival);
	RIG_TEST(test_specific);
	RIG_TEST(test_watched);
	RIG_TEST(test_watch_goes_over);
	RIG_TEST(test_answers_and_replies);
	RIG_TEST(test_barred);
	RIG_TEST(test_rings_of_strangers);
	RIG_TEST(test_notes);
	RIG_TEST(test_notes_merge);
	RIG_TEST(test_hardware);
	RIG_TEST(test_deaths);
	RIG_TEST(test_next_life);
	RIG_TEST(test_ends);
	RIG_TEST(test_source_not_bound_yet);
	return test_end();
}
