/* SPDX-License-Identifier: Apache-2.0 */

/* dvk_notify and its kin: the endpoints that take them, and the notifications that go through the daemon. */

#include "libdvk/rig_test.h"

/* A system process of the rig's DC: below 64 - 35. */
#define SYSTEM_SLOTS 29

static void take(const struct rig_peer *peer, struct notify_image *note)
{
	struct notify_word *word = &peer->page->notify[shm_side(RIG_SELF, peer->p_nr)];

	memset(note, 0, sizeof(*note));
	CHECK(notify_take(word, false, note));
}

static void test_sent(void)
{
	struct notify_image note;

	rig.low.bell->sleeping = 1;
	CHECK_EQ(dvk_notify(RIG_LOW), OK);
	take(&rig.low, &note);
	CHECK_EQ(note.nr, RIG_SELF);
	CHECK_EQ(note.bits, 0);
	CHECK_EQ(rig.wakes, 1);
	CHECK_EQ(rig.status->lclsent, 1);
	CHECK_EQ(dvk_ntfy_value(SELF, RIG_LOW, 3), OK);
	CHECK_EQ(dvk_ntfy_value(7, RIG_LOW, 5), OK);
	take(&rig.low, &note);
	CHECK_EQ(note.nr, 7); /* in the name of the last */
	CHECK_EQ(note.bits, 1 << 3 | 1 << 5);
	CHECK_EQ(rig.sleeps, 0); /* never waits */
}

static void test_refusals(void)
{
	CHECK_EQ(dvk_notify(RIG_SELF), EDVSENDPOINT);
	CHECK_EQ(dvk_notify(HARDWARE), EDVSBADDEST);
	CHECK_EQ(dvk_notify(SHM_SLOTS), EDVSRANGE);
	rig.status->calls_allowed = 0;
	CHECK_EQ(dvk_notify(RIG_LOW), EDVSBADCALL);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 0);
}

/* Only system processes can be notified; how many slots they have is asked once. */
static void test_system_slots(void)
{
	CHECK_EQ(dvk_notify(SYSTEM_SLOTS), EDVSTRAPDENIED);
	CHECK_EQ(dvk_notify(SYSTEM_SLOTS - 1), EDVSDSTDIED); /* one, and nobody is bound there */
	CHECK_EQ(dvk_notify(RIG_HIGH), EDVSTRAPDENIED);
	CHECK_EQ(rig.asked[CTL_DCINFO], 1);
	CHECK_EQ(rig.status->lclsent, 0);
	/* A DC in which every endpoint may serve. */
	rig.status->serve = 1;
	CHECK_EQ(dvk_notify(RIG_HIGH), OK);
	CHECK_EQ(rig.asked[CTL_DCINFO], 1);
}

static void test_slots_not_told(void)
{
	rig.refuse[CTL_DCINFO] = EDVSBADDCID;
	CHECK_EQ(dvk_notify(RIG_LOW), EDVSBADDCID);
	rig.refuse[CTL_DCINFO] = 0;
	CHECK_EQ(dvk_notify(RIG_LOW), OK);
}

static void test_hardware(void)
{
	CHECK_EQ(dvk_ntfy_value(HARDWARE, RIG_LOW, RIG_DC), OK);
	CHECK_EQ(rig.asked[CTL_NOTIFY], 1);
	CHECK_EQ(rig.request.dcid, RIG_DC);
	CHECK_EQ(rig.request.endpoint, RIG_LOW);
	CHECK_EQ(rig.request.cmd, HARDWARE);
	rig.refuse[CTL_NOTIFY] = EDVSPRIVILEGES;
	CHECK_EQ(dvk_ntfy_value(HARDWARE, RIG_LOW, RIG_DC), EDVSPRIVILEGES);
	CHECK_EQ(rig.asked[CTL_CHANNEL], 0);
}

static void test_wakeup(void)
{
	message m;

	CHECK_EQ(dvk_wakeup(RIG_DC, RIG_HIGH), OK);
	CHECK_EQ(rig.request.call, CTL_WAKEUP);
	CHECK_EQ(rig.request.dcid, RIG_DC);
	CHECK_EQ(rig.request.endpoint, RIG_HIGH);
	rig.refuse[CTL_WAKEUP] = EDVSNOTBIND;
	CHECK_EQ(dvk_wakeup(RIG_DC, RIG_HIGH), EDVSNOTBIND);
	CHECK_EQ(dvk_relay(RIG_HIGH, &m), OK); /* does nothing, by the contract */
}

int main(void)
{
	RIG_TEST(test_sent);
	RIG_TEST(test_refusals);
	RIG_TEST(test_system_slots);
	RIG_TEST(test_slots_not_told);
	RIG_TEST(test_hardware);
	RIG_TEST(test_wakeup);
	return test_end();
}
