/* SPDX-License-Identifier: Apache-2.0 */
#include "node/watch.h"

#include "base/test.h"
#include "os/clock.h"

#define LONG_NS	 OS_SECOND_NS
#define SHORT_NS OS_MS_NS

static struct watch_rule rule;

/* A ring wakes it; without one it looks at all channels after a second. */
static void test_a_quiet_node(void)
{
	rule = (struct watch_rule){ 0 };
	CHECK_EQ(watch_nap_ns(&rule, LONG_NS), LONG_NS);
	watch_slept(&rule, false);
	CHECK(!rule.overdue);
	watch_slept(&rule, true);
	CHECK(rule.overdue);
	watch_swept(&rule, false, 5 * LONG_NS);
	CHECK_EQ(watch_nap_ns(&rule, 5 * LONG_NS), LONG_NS);
}

/* Something was there and nobody had rung: for ten seconds it sleeps for a millisecond at a time. */
static void test_a_ring_was_lost(void)
{
	rule = (struct watch_rule){ .overdue = true };
	watch_swept(&rule, true, 5 * LONG_NS);
	CHECK_EQ(watch_nap_ns(&rule, 5 * LONG_NS), SHORT_NS);
	CHECK_EQ(watch_nap_ns(&rule, 15 * LONG_NS - 1), SHORT_NS);
	CHECK_EQ(watch_nap_ns(&rule, 15 * LONG_NS), LONG_NS);
}

static void ring_in_vain(unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		watch_looked(&rule, false);
		watch_slept(&rule, false);
	}
}

/* News, or a nap to its end, show that not every ring is in vain. */
static void test_it_rings_without_end(void)
{
	rule = (struct watch_rule){ 0 };
	ring_in_vain(63);
	CHECK_EQ(watch_pause_ns(&rule), 0);
	ring_in_vain(1);
	CHECK(watch_pause_ns(&rule) > 0);
	watch_looked(&rule, true);
	CHECK_EQ(watch_pause_ns(&rule), 0);
	ring_in_vain(64);
	CHECK(watch_pause_ns(&rule) > 0);
	watch_slept(&rule, true);
	CHECK_EQ(watch_pause_ns(&rule), 0);
}

/* Then no nap comes to its end, and rings may be lost all the same. */
static void test_all_channels_are_looked_at_meanwhile(void)
{
	rule = (struct watch_rule){ .overdue = true };
	watch_swept(&rule, false, 5 * LONG_NS);
	ring_in_vain(64);
	watch_paused(&rule, 5 * LONG_NS + SHORT_NS);
	CHECK(!rule.overdue);
	watch_paused(&rule, 5 * LONG_NS + SHORT_NS + 1);
	CHECK(rule.overdue);
	watch_paused(&rule, 5 * LONG_NS); /* it stays so until they were looked at */
	CHECK(rule.overdue);
}

int main(void)
{
	TEST(test_a_quiet_node);
	TEST(test_a_ring_was_lost);
	TEST(test_it_rings_without_end);
	TEST(test_all_channels_are_looked_at_meanwhile);
	return test_end();
}
