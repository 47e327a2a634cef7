/* SPDX-License-Identifier: Apache-2.0 */
/* Geometry of a DC, arguments that are nothing, and the calls for which there is no use any more. */
#include "conformance/stage.h"

#define SMALL_DC 8

static void test_slots_of_a_dc_are_as_it_was_made(void)
{
	struct puppet *a = stage_puppet(1), *b = stage_bound(0, 10);

	CHECK_EQ(ask(b, "dcinit %d 100 34 40 32", SMALL_DC), stage_node(0));
	CHECK_EQ(ask(a, "bind %d %d -1 -35 -1", SELF_BIND, SMALL_DC), EDVSBADDCID);
	CHECK_EQ(ask(a, "bind %d %d -1 100 -1", SELF_BIND, SMALL_DC), EDVSBADDCID);
	a->ep = (int)ask(a, "bind %d %d -1 -34 -1", SELF_BIND, SMALL_DC);
	CHECK_EQ(a->ep, -34);
	for (int nr = -35; nr <= 100; nr += 135) {
		CHECK_EQ(ask(a, "send %d 7 0 1", nr), EDVSRANGE);
		CHECK_EQ(ask(a, "receive %d 0", nr), EDVSRANGE);
		CHECK_EQ(ask(a, "wait4bind %d %d 0", WAIT_BIND, nr), EDVSRANGE);
		CHECK_EQ(ask(a, "unbind %d %d 0", SMALL_DC, nr), EDVSENDPOINT);
		CHECK_EQ(ask(a, "procinfo %d %d", SMALL_DC, nr), EDVSBADPROC);
		CHECK_EQ(ask(a, "getpriv %d %d", SMALL_DC, nr), EDVSBADPROC);
		CHECK_EQ(ask(a, "wakeup %d %d", SMALL_DC, nr), EDVSRANGE);
		CHECK_EQ(ask(a, "notify %d %d %d", HARDWARE, nr, SMALL_DC), EDVSRANGE);
		CHECK_EQ(ask(a, "migrate %d -1 %d %d -1", MIGR_START, SMALL_DC, nr), EDVSRANGE);
	}
	/* One bound in another DC may not unbind here. */
	CHECK_EQ(ask(b, "unbind %d %d 0", SMALL_DC, a->ep), EDVSBADDCID);
	CHECK_EQ(ask(b, "dcend %d", SMALL_DC), 0);
}

static void test_a_dc_without_tasks(void)
{
	struct puppet *a = stage_puppet(0);

	CHECK_EQ(ask(a, "dcinit %d 10 0 5 32", SMALL_DC), stage_node(0));
	CHECK_EQ(ask(a, "dcinfo %d", SMALL_DC), 0);
	CHECK_EQ(a->value[5], 0);
	CHECK_EQ(ask(a, "bind %d %d -1 -1 -1", SELF_BIND, SMALL_DC), EDVSBADDCID);
	CHECK_EQ(ask(a, "bind %d %d -1 0 -1", SELF_BIND, SMALL_DC), 0);
	CHECK_EQ(ask(a, "unbind %d 0 0", SMALL_DC), 0);
	CHECK_EQ(ask(a, "dcinit %d 10 0 5 32", SMALL_DC), stage_node(0)); /* so already */
	CHECK_EQ(ask(a, "dcinit %d 11 0 5 32", SMALL_DC), EDVSRSCBUSY);
	CHECK_EQ(ask(a, "dcend %d", SMALL_DC), 0);
}

static void test_names_of_a_dc(void)
{
	struct puppet *a = stage_puppet(0);

	CHECK_EQ(ask(a, "dcname %d 16", SMALL_DC), EDVSNAMESIZE);
	CHECK_EQ(ask(a, "dcname 99 16"), EDVSBADRANGE);
	CHECK_EQ(ask(a, "dcname %d 15", SMALL_DC), stage_node(0));
	CHECK_EQ(ask(a, "dcname %d 15", SMALL_DC + 1), EDVSRSCBUSY);
	CHECK_EQ(ask(a, "dcname %d 14", SMALL_DC), EDVSRSCBUSY);
	CHECK_EQ(ask(a, "dcend %d", SMALL_DC), 0);
}

static void test_a_dc_of_so_many_nodes(void)
{
	struct puppet *a = stage_puppet(0), *b = stage_puppet(1);

	CHECK_EQ(ask(a, "dcinit %d 221 35 64 1", SMALL_DC), stage_node(0));
	CHECK_EQ(ask(a, "dcinfo %d", SMALL_DC), 0);
	CHECK_EQ(a->value[3], 1L << stage_node(0));
	if (!stage_together(0, 1)) {
		CHECK_EQ(ask(a, "addnode %d %d", SMALL_DC, stage_node(1)), EDVSRSCBUSY);
		CHECK_EQ(ask(b, "bind %d %d -1 10 -1", SELF_BIND, SMALL_DC), EDVSNODCNODE);
	}
	CHECK_EQ(ask(a, "dcend %d", SMALL_DC), 0);
}

static void test_members_in_the_order_of_checks(void)
{
	struct puppet *a = stage_puppet(0);

	CHECK_EQ(ask(a, "addnode 99 99"), EDVSBADNODEID);
	CHECK_EQ(ask(a, "addnode 99 31"), EDVSNODEFREE);
	CHECK_EQ(ask(a, "addnode 99 %d", stage_node(0)), EDVSBADDCID);
	CHECK_EQ(ask(a, "addnode 30 %d", stage_node(0)), EDVSDCNOTRUN);
	CHECK_EQ(ask(a, "delnode 99 99"), EDVSBADNODEID);
	CHECK_EQ(ask(a, "delnode 99 %d", stage_node(0)), EDVSBADDCID);
	CHECK_EQ(ask(a, "delnode 30 %d", stage_node(0)), EDVSDCNOTRUN);
	CHECK_EQ(ask(a, "delnode %d 31", STAGE_DCID), 0); /* it was none */
}

static void test_no_address(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);

	CHECK_EQ(ask(a, "nulls %d", b->ep), EDVSFAULT);
	CHECK_EQ(a->nr_values, 12);
	for (int i = 0; i < a->nr_values; i++)
		CHECK_EQ(a->value[i], EDVSFAULT);
}

static void test_relay_does_nothing(void)
{
	struct puppet *a = stage_puppet(0);

	CHECK_EQ(ask(a, "relay 10"), 0);
}

/* It is a descriptor like any other, and no call needs it. */
static void test_the_dvk_may_be_closed_and_opened(void)
{
	struct puppet *a = stage_bound(0, 10);
	long first = ask(a, "open"), second = ask(a, "open");

	CHECK(first >= 0 && second >= 0 && first != second);
	CHECK_EQ(ask(a, "closefd"), 0);
	CHECK_EQ(ask(a, "closefd"), -1);
	CHECK_EQ(ask(a, "getep 0"), a->ep);
	CHECK_EQ(ask(a, "open"), second);
	CHECK_EQ(ask(a, "receive %d 0", ANY), EDVSAGAIN);
}

/* Each exchange needs one descriptor to ask and as many as come with the answer. */
static void test_descriptors_run_out(void)
{
	struct puppet *a = stage_puppet(0), *b = stage_bound(1, 11);

	for (int left = 0; left < 4; left++) {
		CHECK_EQ(ask(a, "descriptors %d", left), 0);
		CHECK_EQ(ask(a, "bind %d %d -1 10 -1", SELF_BIND, STAGE_DCID), EDVSMFILE);
		CHECK_EQ(ask(a, "descriptors -1"), 0);
		/* Nothing is left of it: neither the slot nor the caller is bound. */
		CHECK_EQ(row(0, 10, ROW_FLAGS), SLOT_FREE);
		CHECK_EQ(ask(a, "getep 0"), EDVSNOTBIND);
	}
	CHECK_EQ(ask(a, "bind %d %d -1 10 -1", SELF_BIND, STAGE_DCID), 10);
	a->nr = 10;
	for (int left = 0; left < 3; left++) {
		CHECK_EQ(ask(a, "descriptors %d", left), 0);
		CHECK_EQ(ask(a, "send %d 7 100 1", b->ep), EDVSMFILE);
		CHECK_EQ(ask(a, "receive %d 100", b->ep), EDVSMFILE);
		CHECK_EQ(ask(a, "descriptors -1"), 0);
	}
	tell(b, "receive %d 5000", ANY);
	CHECK_EQ(ask(a, "send %d 7 5000 1", b->ep), 0);
	CHECK_EQ(hear(b), 0);
}

static void test_the_daemon_is_the_dvs(void)
{
	struct puppet *a = stage_puppet(1);
	int here = stage_node(1);

	CHECK_EQ(ask(a, "dvsinit %d", here), here);
	CHECK_EQ(ask(a, "dvsinit %d 35 64 65536 1048576 4660", here), here);
	CHECK_EQ(ask(a, "dvsinfo"), here);
	CHECK_EQ(a->value[6], 4660);
	CHECK_EQ(a->value[7], 1);
	CHECK_EQ(ask(a, "dvsinit %d", here), here);
	CHECK_EQ(ask(a, "dvsinfo"), here);
	CHECK_EQ(a->value[6], 4660);
	CHECK_EQ(ask(a, "dvsinit %d", here + 1), EDVSDVSBUSY);
	CHECK_EQ(ask(a, "dvsinit %d 36 64 65536 1048576", here), EDVSBADRANGE);
	CHECK_EQ(ask(a, "dvsinit %d 35 35 65536 1048576", here), EDVSBADRANGE);
	CHECK_EQ(ask(a, "dvsinit %d 35 65 65536 1048576", here), EDVSBADRANGE);
	CHECK_EQ(ask(a, "dvsinit %d 35 64 65537 1048576", here), EDVSBADVALUE);
	CHECK_EQ(ask(a, "dvsinit %d 35 64 65536 1048577", here), EDVSBADVALUE);
	CHECK_EQ(ask(a, "dvsinit %d 35 64 65536 65535", here), EDVSBADVALUE);
	CHECK_EQ(ask(a, "dvsend"), EDVSNOSYS);
}

static void all_three(struct puppet *p, long error)
{
	CHECK_EQ(p->nr_values, 3);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(p->value[i], error);
}

static void test_there_are_no_pairs(void)
{
	struct puppet *a = stage_bound(0, 10), *unbound = stage_puppet(0);

	CHECK_EQ(ask(a, "pxbind 32 1 1 65536"), EDVSBADNODEID);
	CHECK_EQ(ask(a, "pxbind 1 -1 1 65536"), EDVSBADPID);
	CHECK_EQ(ask(a, "pxbind 1 1 0 65536"), EDVSBADPID);
	CHECK_EQ(ask(a, "pxbind 1 1 1 65537"), EDVS2BIG);
	CHECK_EQ(ask(a, "pxbind 1 1 1 65536"), EDVSNOSYS);
	ask(a, "pair 32");
	all_three(a, EDVSPROXYID);
	ask(a, "pair -1");
	all_three(a, EDVSPROXYID);
	ask(a, "pair 1");
	all_three(a, EDVSPROXYFREE);
	CHECK_EQ(ask(a, "nodeup 32 1"), EDVSBADNODEID);
	CHECK_EQ(ask(a, "nodeup 1 32"), EDVSPROXYID);
	CHECK_EQ(ask(a, "nodeup 1 1"), EDVSPROXYFREE);
	CHECK_EQ(ask(a, "nodedown 32"), EDVSBADNODEID);
	CHECK_EQ(ask(a, "nodedown 1"), EDVSNOSYS);
	CHECK_EQ(ask(a, "proxy"), EDVSNOPROXY);
	CHECK_EQ(a->value[1], EDVSNOPROXY);
	CHECK_EQ(ask(unbound, "proxy"), EDVSNOTBIND);
	CHECK_EQ(unbound->value[1], EDVSNOTBIND);
}

int main(int argc, char **argv)
{
	static const struct stage_test tests[] = {
		STAGE_TEST(test_slots_of_a_dc_are_as_it_was_made),
		STAGE_TEST(test_a_dc_without_tasks),
		STAGE_TEST(test_names_of_a_dc),
		STAGE_TEST(test_a_dc_of_so_many_nodes),
		STAGE_TEST(test_members_in_the_order_of_checks),
		STAGE_TEST(test_no_address),
		STAGE_TEST(test_relay_does_nothing),
		STAGE_TEST(test_the_dvk_may_be_closed_and_opened),
		STAGE_TEST(test_descriptors_run_out),
		STAGE_TEST(test_the_daemon_is_the_dvs),
		STAGE_TEST(test_there_are_no_pairs),
	};

	return stage_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
