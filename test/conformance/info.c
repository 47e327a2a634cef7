/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that look, those that make and end a DC, and privileges. */
#include "conformance/stage.h"

#define NEW_DC 7

static void test_dvs_info(void)
{
	struct puppet *a = stage_puppet(1);

	CHECK_EQ(ask(a, "dvsinfo"), stage_node(1));
	CHECK_EQ(a->value[1], NR_NODES);
	CHECK_EQ(a->value[2], NR_PROCS);
	CHECK_EQ(a->value[3], MAXCOPYLEN);
	CHECK_EQ(a->value[4], DVS_VERSION);
	CHECK(a->value[5] & DVK_INITIALIZED);
}

static void test_dc_info(void)
{
	struct puppet *a = stage_puppet(1);
	long nodes = 1L << stage_node(0) | 1L << stage_node(1);

	CHECK_EQ(ask(a, "dcinfo %d", STAGE_DCID), 0);
	CHECK_EQ(a->value[1], STAGE_DCID);
	CHECK_EQ(a->value[2], DC_RUNNING);
	CHECK_EQ(a->value[3] & nodes, nodes);
	CHECK_EQ(a->value[4], NR_PROCS);
	CHECK_EQ(a->value[6], NR_SYS_PROCS);
	CHECK_EQ(a->value[8], NONE);
	CHECK_EQ(ask(a, "dcinfo 30"), 0);
	CHECK_EQ(a->value[2], DC_FREE);
	CHECK_EQ(ask(a, "dcinfo 32"), EDVSBADDCID);
	CHECK_EQ(ask(a, "dcinfo -2"), EDVSBADDCID);
}

static void test_dc_of_the_caller(void)
{
	struct puppet *a = stage_bound(0, 10);

	CHECK_EQ(ask(a, "dcinfo -1"), 0);
	CHECK_EQ(a->value[1], STAGE_DCID);
	CHECK_EQ(ask(a, "procinfo -1 10"), 0);
	CHECK_EQ(a->value[ROW_ENDPOINT], a->ep);
	CHECK_EQ(ask(a, "nodeinfo -1"), 0);
	CHECK_EQ(a->value[1], stage_node(0));
}

static void test_node_info(void)
{
	struct puppet *a = stage_puppet(0);

	CHECK_EQ(ask(a, "nodeinfo %d", stage_node(0)), 0);
	CHECK_EQ(a->value[1], stage_node(0));
	CHECK_EQ(a->value[2], NODE_ATTACHED | NODE_SCONNECTED);
	CHECK(a->value[3] & 1L << STAGE_DCID);
	if (!stage_together(0, 1)) {
		CHECK_EQ(ask(a, "nodeinfo %d", stage_node(1)), 0);
		CHECK_EQ(a->value[2], NODE_ATTACHED | NODE_SCONNECTED | NODE_RCONNECTED);
	}
	CHECK_EQ(ask(a, "nodeinfo 31"), 0);
	CHECK_EQ(a->value[2], NODE_FREE);
	CHECK_EQ(ask(a, "nodeinfo 32"), EDVSBADNODEID);
}

static void test_proc_info(void)
{
	struct puppet *a = stage_puppet(0);

	CHECK_EQ(ask(a, "procinfo %d %d", STAGE_DCID, STAGE_FREE_USER), 0);
	CHECK_EQ(a->value[ROW_FLAGS], SLOT_FREE);
	CHECK_EQ(a->value[ROW_NODE], -1);
	CHECK_EQ(ask(a, "procinfo %d 300", STAGE_DCID), EDVSBADPROC);
	CHECK_EQ(ask(a, "procinfo %d -40", STAGE_DCID), EDVSBADPROC);
	CHECK_EQ(ask(a, "procinfo 99 1"), EDVSBADDCID);
	CHECK_EQ(ask(a, "procinfo 30 1"), EDVSDCNOTRUN);
}

static void test_a_dc_is_made_and_ended(void)
{
	struct puppet *a = stage_puppet(0), *b = stage_puppet(0);

	CHECK_EQ(ask(a, "dcinit %d 221 35 64 32", NEW_DC), stage_node(0));
	CHECK_EQ(ask(a, "dcinfo %d", NEW_DC), 0);
	CHECK_EQ(a->value[2], DC_RUNNING);
	CHECK(a->value[3] & 1L << stage_node(0));
	CHECK_EQ(ask(b, "bind %d %d -1 10 -1", SELF_BIND, NEW_DC), 10);
	CHECK_EQ(ask(b, "dcinfo -1"), 0);
	CHECK_EQ(b->value[1], NEW_DC);
	CHECK_EQ(ask(a, "dcend %d", NEW_DC), 0);
	CHECK_EQ(ask(a, "dcinfo %d", NEW_DC), 0);
	CHECK_EQ(a->value[2], DC_FREE);
	CHECK_EQ(ask(a, "dcend %d", NEW_DC), EDVSDCNOTRUN);
	CHECK_EQ(ask(a, "dcend 99"), EDVSBADDCID);
}

static void test_dc_init_errors(void)
{
	struct puppet *a = stage_puppet(0);

	CHECK_EQ(ask(a, "dcinit 32 221 35 64 32"), EDVSBADRANGE);
	CHECK_EQ(ask(a, "dcinit %d 222 35 64 32", NEW_DC), EDVSBADRANGE);
	CHECK_EQ(ask(a, "dcinit %d 0 35 64 32", NEW_DC), EDVSBADRANGE);
	CHECK_EQ(ask(a, "dcinit %d 221 36 64 32", NEW_DC), EDVSBADRANGE);
	CHECK_EQ(ask(a, "dcinit %d 221 35 65 32", NEW_DC), EDVSBADRANGE);
	CHECK_EQ(ask(a, "dcinit %d 221 35 64 33", NEW_DC), EDVSBADRANGE);
	CHECK_EQ(ask(a, "dcinit %d 221 35 35 32", NEW_DC), EDVSBADRANGE);
	CHECK_EQ(ask(a, "dcinfo %d", NEW_DC), 0);
	CHECK_EQ(a->value[2], DC_FREE);
}

/* What one node has answered another one may hear a moment later. */
static bool knows_members(struct puppet *p, long mask, long want)
{
	for (int tries = 0; tries < 1000; tries++) {
		CHECK_EQ(ask(p, "dcinfo %d", NEW_DC), 0);
		if ((p->value[3] & mask) == want)
			return true;
		stage_sleep_ms(5);
	}
	return false;
}

static void test_nodes_of_a_dc(void)
{
	struct puppet *a = stage_puppet(0), *b = stage_puppet(1), *c = stage_puppet(1);
	int other = stage_node(1);

	if (stage_together(0, 1)) {
		CHECK_EQ(ask(a, "addnode %d 31", STAGE_DCID), EDVSNODEFREE);
		CHECK_EQ(ask(a, "addnode %d 32", STAGE_DCID), EDVSBADNODEID);
		return;
	}
	CHECK_EQ(ask(a, "dcinit %d 221 35 64 32", NEW_DC), stage_node(0));
	ask(a, "addnode %d %d", NEW_DC, other);
	CHECK_EQ(ask(a, "dcinfo %d", NEW_DC), 0);
	CHECK(a->value[3] & 1L << other);
	CHECK_EQ(ask(a, "delnode %d %d", NEW_DC, other), 0);
	CHECK(knows_members(b, 1L << other, 0));
	CHECK_EQ(ask(b, "bind %d %d -1 10 -1", SELF_BIND, NEW_DC), EDVSNODCNODE);
	CHECK_EQ(ask(a, "addnode %d %d", NEW_DC, other), 0);
	CHECK_EQ(ask(b, "bind %d %d -1 10 -1", SELF_BIND, NEW_DC), 10);
	CHECK_EQ(ask(a, "dcend %d", NEW_DC), 0);
	CHECK_EQ(hear_within(b, 2000), STAGE_SILENT); /* SIGTERM */
	CHECK_EQ(ask(c, "dcinfo %d", NEW_DC), 0);
	CHECK_EQ(c->value[2], DC_FREE);
}

static void test_privileges_of_a_bind(void)
{
	struct puppet *a = stage_bound(0, 10), *user = stage_bound(1, 40);
	long few = 1L << DVK_SENDREC | 1L << DVK_UNBIND | 1L << DVK_GETEP | 1L << DVK_WAIT4BIND;
	int tasks = (ask(a, "dcinfo %d", STAGE_DCID), (int)a->value[5]);

	CHECK_EQ(ask(a, "getpriv %d %d", STAGE_DCID, a->ep), 0);
	CHECK_EQ(a->value[1], a->nr + tasks);
	CHECK_EQ(a->value[2], USER_PRIV);
	CHECK_EQ(a->value[3], NONE);
	CHECK_EQ(a->value[4] & ((1L << DVK_NR_CALLS) - 1), (1L << DVK_NR_CALLS) - 1);
	CHECK_EQ(a->value[5], -1);
	CHECK_EQ(ask(a, "getpriv %d %d", STAGE_DCID, user->ep), 0);
	CHECK_EQ(a->value[1], NR_SYS_PROCS);
	CHECK_EQ(a->value[4], few);
	CHECK_EQ(a->value[5], -1);
}

static void test_privileges_are_stored(void)
{
	struct puppet *a = stage_bound(0, 10), *b = stage_bound(1, 11);
	int nobody = (int)row(0, STAGE_FREE_SERVER, ROW_ENDPOINT);

	CHECK_EQ(ask(a, "setpriv %d %d %d 3 %ld %ld", STAGE_DCID, b->ep, TASK_PRIV, 0x1234L,
		     0x5678L),
		 0);
	CHECK_EQ(ask(b, "getpriv %d %d", STAGE_DCID, b->ep), 0);
	CHECK_EQ(b->value[2], TASK_PRIV);
	CHECK_EQ(b->value[3], 3);
	CHECK_EQ(b->value[4], 0x1234);
	CHECK_EQ(b->value[5], 0x5678);
	CHECK_EQ(ask(a, "setpriv %d %d %d 500 -1 -1", STAGE_DCID, b->ep, TASK_PRIV), EDVSBADPROC);
	CHECK_EQ(ask(a, "setpriv %d %d 6 3 -1 -1", STAGE_DCID, b->ep), EDVSBADVALUE);
	CHECK_EQ(ask(a, "getpriv %d 300", STAGE_DCID), EDVSBADPROC);
	CHECK_EQ(ask(a, "getpriv %d %d", STAGE_DCID, nobody), EDVSDSTDIED);
	CHECK_EQ(ask(a, "getpriv 99 %d", b->ep), EDVSBADDCID);
	CHECK_EQ(ask(a, "getpriv 30 %d", b->ep), EDVSDCNOTRUN);
}

int main(int argc, char **argv)
{
	static const struct stage_test tests[] = {
		STAGE_TEST(test_dvs_info),
		STAGE_TEST(test_dc_info),
		STAGE_TEST(test_dc_of_the_caller),
		STAGE_TEST(test_node_info),
		STAGE_TEST(test_proc_info),
		STAGE_TEST(test_a_dc_is_made_and_ended),
		STAGE_TEST(test_dc_init_errors),
		STAGE_TEST(test_nodes_of_a_dc),
		STAGE_TEST(test_privileges_of_a_bind),
		STAGE_TEST(test_privileges_are_stored),
	};

	return stage_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
