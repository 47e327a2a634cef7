/* SPDX-License-Identifier: Apache-2.0 */
/* Every error a message call may give for its arguments or its caller, and the order of its checks. */
#include "conformance/stage.h"

#define OUT_OF_RANGE 300

static void test_caller_is_not_bound(void)
{
	struct puppet *a = stage_puppet(0), *b = stage_bound(1, 11);

	CHECK_EQ(ask(a, "send %d 7 100 1", b->ep), EDVSNOTBIND);
	CHECK_EQ(ask(a, "receive %d 100", ANY), EDVSNOTBIND);
	CHECK_EQ(ask(a, "sendrec %d 7 100 1", b->ep), EDVSNOTBIND);
	CHECK_EQ(ask(a, "reply %d 7 100 1", b->ep), EDVSNOTBIND);
	CHECK_EQ(ask(a, "rcvrqst 100"), EDVSNOTBIND);
	CHECK_EQ(ask(a, "notify %d %d %d", SELF, b->ep, HARDWARE), EDVSNOTBIND);
	CHECK_EQ(ask(a, "vcopy %d %ld %d %ld 8", SELF, a->buffer, b->ep, b->buffer), EDVSNOTBIND);
	CHECK_EQ(ask(a, "getep 0"), EDVSNOTBIND);
	CHECK_EQ(ask(a, "wait4bind %d %d 100", WAIT_BIND, b->ep), EDVSNOTBIND);
}

static void test_to_oneself(void)
{
	struct puppet *a = stage_bound(0, 10);

	CHECK_EQ(ask(a, "send %d 7 100 1", a->ep), EDVSBADDEST);
	CHECK_EQ(ask(a, "receive %d 100", a->ep), EDVSENDPOINT);
	CHECK_EQ(ask(a, "sendrec %d 7 100 1", a->ep), EDVSENDPOINT);
	CHECK_EQ(ask(a, "reply %d 7 100 1", a->ep), EDVSENDPOINT);
	CHECK_EQ(ask(a, "notify %d %d %d", SELF, a->ep, HARDWARE), EDVSENDPOINT);
	CHECK_EQ(row(0, a->nr, ROW_FLAGS), 0);
}

static void test_to_the_hardware(void)
{
	struct puppet *a = stage_bound(0, 10);

	CHECK_EQ(ask(a, "send %d 7 100 1", HARDWARE), EDVSBADDEST);
	CHECK_EQ(ask(a, "sendrec %d 7 100 1", HARDWARE), EDVSBADDEST);
	CHECK_EQ(ask(a, "reply %d 7 100 1", HARDWARE), EDVSBADDEST);
	CHECK_EQ(ask(a, "notify %d %d %d", SELF, HARDWARE, HARDWARE), EDVSBADDEST);
}

static void test_out_of_range(void)
{
	struct puppet *a = stage_bound(0, 10);

	CHECK_EQ(ask(a, "send %d 7 100 1", OUT_OF_RANGE), EDVSRANGE);
	CHECK_EQ(ask(a, "receive %d 100", OUT_OF_RANGE), EDVSRANGE);
	CHECK_EQ(ask(a, "sendrec %d 7 100 1", OUT_OF_RANGE), EDVSRANGE);
	CHECK_EQ(ask(a, "reply %d 7 100 1", OUT_OF_RANGE), EDVSRANGE);
	CHECK_EQ(ask(a, "notify %d %d %d", SELF, OUT_OF_RANGE, HARDWARE), EDVSRANGE);
}

static void test_to_nobody(void)
{
	struct puppet *a = stage_bound(0, 10);
	/* A free slot has the generation of its next bind. */
	int ep = (int)row(0, STAGE_FREE_SERVER, ROW_ENDPOINT);

	CHECK_EQ(ask(a, "send %d 7 100 1", ep), EDVSDSTDIED);
	CHECK_EQ(ask(a, "receive %d 100", ep), EDVSSRCDIED);
	CHECK_EQ(ask(a, "sendrec %d 7 100 1", ep), EDVSDEADSRCDST);
	CHECK_EQ(ask(a, "reply %d 7 100 1", ep), EDVSDSTDIED);
	CHECK_EQ(ask(a, "notify %d %d %d", SELF, ep, HARDWARE), EDVSDSTDIED);
	CHECK_EQ(row(0, a->nr, ROW_FLAGS), 0);
}

static void test_another_generation(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);
	int other = b->ep + 5 * _ENDPOINT_GENERATION_SIZE;

	CHECK_EQ(ask(a, "send %d 7 100 1", other), EDVSENDPOINT);
	CHECK_EQ(ask(a, "receive %d 100", other), EDVSENDPOINT);
	CHECK_EQ(ask(a, "sendrec %d 7 100 1", other), EDVSENDPOINT);
	CHECK_EQ(ask(a, "reply %d 7 100 1", other), EDVSENDPOINT);
	CHECK_EQ(ask(a, "notify %d %d %d", SELF, other, HARDWARE), EDVSENDPOINT);
}

static void test_a_slot_bound_again_has_the_same_number(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11), *c;
	int old = b->ep;

	stage_end(b);
	CHECK(row_becomes(0, 11, ROW_FLAGS, SLOT_FREE, SLOT_FREE, 2000));
	c = stage_bound(1, 11);
	CHECK_EQ(c->ep, old);
	CHECK_EQ(ask(a, "send %d 7 100 1", old), EDVSTIMEDOUT); /* it takes nothing */
	CHECK_EQ(ask(a, "send %d 7 100 1", old + 3 * _ENDPOINT_GENERATION_SIZE), EDVSENDPOINT);
	tell(c, "receive %d 5000", a->ep);
	CHECK_EQ(ask(a, "send %d 7 2000 1", c->ep), 0);
	CHECK_EQ(hear(c), 0);
}

static void test_calls_taken_away(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);
	long all = -1, without_send = ~(1L << DVK_SEND);

	CHECK_EQ(ask(b, "setpriv %d %d %d %d %ld %ld", STAGE_DCID, a->ep, USER_PRIV, 0,
		     without_send, all),
		 0);
	CHECK_EQ(ask(a, "send %d 7 100 1", b->ep), EDVSBADCALL);
	CHECK_EQ(ask(a, "sendrec %d 7 100 1", b->ep), EDVSTIMEDOUT);
	CHECK_EQ(ask(b, "setpriv %d %d %d %d %ld %ld", STAGE_DCID, a->ep, USER_PRIV, 0, all, all),
		 0);
	CHECK_EQ(ask(a, "send %d 7 100 1", b->ep), EDVSTIMEDOUT);
}

static void test_destinations_taken_away(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11), *user = stage_bound(1, 40);
	int tasks = (ask(a, "dcinfo %d", STAGE_DCID), (int)a->value[5]);
	long all = -1, without_b = ~(1L << (b->nr + tasks));

	CHECK_EQ(ask(b, "setpriv %d %d %d %d %ld %ld", STAGE_DCID, a->ep, USER_PRIV, 0, all,
		     without_b),
		 0);
	CHECK_EQ(ask(a, "send %d 7 100 1", b->ep), EDVSTRAPDENIED);
	CHECK_EQ(ask(a, "sendrec %d 7 100 1", b->ep), EDVSTRAPDENIED);
	CHECK_EQ(ask(a, "notify %d %d %d", SELF, b->ep, HARDWARE), EDVSTRAPDENIED);
	/* Processes of the user range are never checked. */
	CHECK_EQ(ask(a, "send %d 7 100 1", user->ep), EDVSTIMEDOUT);
}

int main(int argc, char **argv)
{
	static const struct stage_test tests[] = {
		STAGE_TEST(test_caller_is_not_bound),
		STAGE_TEST(test_to_oneself),
		STAGE_TEST(test_to_the_hardware),
		STAGE_TEST(test_out_of_range),
		STAGE_TEST(test_to_nobody),
		STAGE_TEST(test_another_generation),
		STAGE_TEST(test_a_slot_bound_again_has_the_same_number),
		STAGE_TEST(test_calls_taken_away),
		STAGE_TEST(test_destinations_taken_away),
	};

	return stage_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
