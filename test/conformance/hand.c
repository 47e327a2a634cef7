/* SPDX-License-Identifier: Apache-2.0 */
/* dvk_migrate_X: the three steps of a migration by hand, and the task that attaches itself. */
#include "conformance/stage.h"

#define NO_SUCH_PID 4190000
#define OTHER_DC    6

static long step(struct puppet *by, int cmd, int ep, int node)
{
	return ask(by, "migrate %d -1 %d %d %d", cmd, STAGE_DCID, ep, node);
}

static void test_errors_in_their_order(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_puppet(0);

	CHECK_EQ(ask(b, "migrate 7 -1 99 300 99"), EDVSNOSYS);
	for (int cmd = MIGR_START; cmd <= MIGR_ROLLBACK; cmd++) {
		CHECK_EQ(ask(b, "migrate %d -1 99 300 99", cmd), EDVSBADDCID);
		CHECK_EQ(ask(b, "migrate %d -1 -1 300 99", cmd), EDVSBADDCID);
		CHECK_EQ(ask(b, "migrate %d -1 %d 300 0", cmd, STAGE_DCID), EDVSRANGE);
		CHECK_EQ(ask(b, "migrate %d -1 %d -36 0", cmd, STAGE_DCID), EDVSRANGE);
		CHECK_EQ(ask(b, "migrate %d -1 %d %d 0", cmd, STAGE_DCID, STAGE_FREE_SERVER),
			 EDVSBADPROC);
	}
	CHECK_EQ(step(b, MIGR_COMMIT, a->ep, 99), EDVSNOPROXY);
	CHECK_EQ(step(b, MIGR_COMMIT, a->ep, 31), EDVSPROCSTS);
	CHECK_EQ(step(b, MIGR_ROLLBACK, a->ep, -1), 0); /* so already */
	CHECK_EQ(step(b, MIGR_START, a->ep, -1), 0);
	CHECK_EQ(step(b, MIGR_START, a->ep, -1), 0);
	CHECK_EQ(step(b, MIGR_COMMIT, a->ep, -1), EDVSNOPROXY);
	CHECK_EQ(step(b, MIGR_COMMIT, a->ep, 31), EDVSNOPROXY);
	CHECK_EQ(ask(b, "migrate %d %d %d %d %d", MIGR_COMMIT, NO_SUCH_PID, STAGE_DCID, a->ep,
		     stage_node(0)),
		 EDVSBADPID);
	CHECK_EQ(step(b, MIGR_ROLLBACK, a->ep, -1), 0);
	CHECK_EQ(step(b, MIGR_ROLLBACK, a->ep, -1), 0); /* so already */
	CHECK_EQ(ask(a, "getep 0"), a->ep);
}

/* The new node has to belong to the DC. */
static void test_commit_outside_the_dc(void)
{
	struct puppet *a = stage_puppet(1), *b = stage_puppet(0);

	if (stage_together(0, 1))
		return;
	CHECK_EQ(ask(b, "dcinit %d 221 35 64 32", OTHER_DC), stage_node(0));
	CHECK_EQ(ask(b, "delnode %d %d", OTHER_DC, stage_node(0)), 0);
	CHECK_EQ(ask(a, "bind %d %d -1 10 -1", SELF_BIND, OTHER_DC), 10);
	CHECK_EQ(ask(b, "migrate %d -1 %d 10 -1", MIGR_START, OTHER_DC), 0);
	CHECK_EQ(ask(b, "migrate %d -1 %d 10 %d", MIGR_COMMIT, OTHER_DC, stage_node(0)),
		 EDVSDCNODE);
	CHECK_EQ(ask(b, "migrate %d -1 %d 10 -1", MIGR_ROLLBACK, OTHER_DC), 0);
	CHECK_EQ(ask(a, "getep 0"), 10);
	CHECK_EQ(ask(b, "dcend %d", OTHER_DC), 0);
}

static void test_it_stands_still_until_the_rollback(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11), *by = stage_puppet(0);

	CHECK_EQ(step(by, MIGR_START, a->ep, -1), 0);
	CHECK(row_becomes(1, 10, ROW_MISC, MIS_NEEDMIG, MIS_NEEDMIG, 1000));
	CHECK_EQ(row(1, 10, ROW_FLAGS), 0);
	tell(a, "receive %d 5000", ANY);
	CHECK(row_becomes(1, 10, ROW_FLAGS, MIGRATING, MIGRATING, 1000));
	tell(b, "send %d 7 5000 1", a->ep);
	CHECK(row_becomes(0, 11, ROW_FLAGS, WAITMIGR, WAITMIGR, 1000));
	CHECK_EQ(row(0, 11, ROW_FLAGS), WAITMIGR);
	CHECK(is_silent(a, 100) && is_silent(b, 1));
	CHECK_EQ(ask(by, "unbind %d %d 0", STAGE_DCID, a->ep),
		 stage_together(0, 1) ? EDVSMIGRATE : 0);
	CHECK_EQ(step(by, MIGR_ROLLBACK, a->ep, -1), 0);
	CHECK_EQ(hear(a), 0);
	CHECK_EQ(a->value[1], b->ep);
	CHECK_EQ(hear(b), 0);
	CHECK_EQ(row(1, 10, ROW_FLAGS), 0);
	CHECK_EQ(row(1, 10, ROW_MISC), MIS_GRPLEADER);
}

/* A caller waits for a peer that moves with its own time-out. */
static void test_waiting_for_a_move_times_out(void)
{
	struct puppet *a = stage_bound(1, 10), *b = stage_bound(0, 11), *by = stage_puppet(0);

	CHECK_EQ(step(by, MIGR_START, a->ep, -1), 0);
	CHECK_EQ(ask(b, "send %d 7 150 1", a->ep), EDVSTIMEDOUT);
	CHECK_EQ(ask(b, "send %d 7 0 1", a->ep), EDVSAGAIN);
	CHECK_EQ(ask(b, "sendrec %d 7 150 1", a->ep), EDVSTIMEDOUT);
	CHECK_EQ(step(by, MIGR_ROLLBACK, a->ep, -1), 0);
	CHECK_EQ(row(0, 11, ROW_FLAGS), 0);
	CHECK_EQ(ask(a, "receive %d 200", ANY), EDVSTIMEDOUT);
}

/* As a restored process does it: SLOTUSED, the row says REMOTE, so it begins and commits itself. */
static void test_a_task_attaches_itself(void)
{
	struct puppet *old = stage_bound(1, 10), *b = stage_bound(2, 11), *task = stage_puppet(0);

	CHECK_EQ(ask(task, "bind %d %d %d 10 -1", LCL_BIND, STAGE_DCID, task->own_pid),
		 EDVSSLOTUSED);
	if (stage_together(0, 1)) {
		CHECK_EQ(step(task, MIGR_START, old->ep, -1), 0);
		CHECK_EQ(step(task, MIGR_COMMIT, old->ep, stage_node(0)), EDVSLCLPROC);
		CHECK_EQ(step(task, MIGR_ROLLBACK, old->ep, -1), 0);
		return;
	}
	CHECK_EQ(row(0, 10, ROW_FLAGS), REMOTE);
	CHECK_EQ(step(task, MIGR_START, old->ep, -1), 0);
	CHECK_EQ(step(task, MIGR_COMMIT, old->ep, stage_node(0)), 0);
	CHECK_EQ(ask(task, "wait4bind %d %d 1000", WAIT_BIND, SELF), old->ep);
	CHECK(row_becomes(1, 10, ROW_FLAGS, ~0L, REMOTE, 1000));
	CHECK_EQ(row(0, 10, ROW_NODEMAP), 1L << stage_node(0) | 1L << stage_node(1));
	CHECK_EQ(row(0, 10, ROW_VPID), task->own_pid);
	tell(task, "serve 4");
	CHECK_EQ(ask(b, "calls %d 4", old->ep), 0);
	CHECK_EQ(hear(task), 0);
	CHECK_EQ(hear_within(old, 1000), STAGE_SILENT); /* it has ended */
}

/* Tasks that may not be its backup, and those that may; test/scenarios/backup.sh shows the rest. */
static void test_a_backup_is_promoted(void)
{
	struct puppet *primary = stage_bound(1, 10), *b = stage_bound(2, 11),
		      *backup = stage_puppet(0), *by = stage_puppet(1);

	CHECK_EQ(ask(backup, "bind %d %d -1 10 99", BKUP_BIND, STAGE_DCID), EDVSBADNODEID);
	CHECK_EQ(ask(backup, "bind %d %d -1 10 %d", BKUP_BIND, STAGE_DCID, stage_node(0)),
		 EDVSBADNODEID);
	CHECK_EQ(ask(backup, "bind %d 30 -1 10 31", BKUP_BIND), EDVSDCNOTRUN);
	CHECK_EQ(ask(backup, "bind %d %d -1 500 31", BKUP_BIND, STAGE_DCID), EDVSBADDCID);
	CHECK_EQ(ask(backup, "bind %d %d -1 10 31", BKUP_BIND, STAGE_DCID), EDVSNODCNODE);
	if (stage_together(0, 1))
		return;
	CHECK_EQ(ask(backup, "bind %d %d -1 10 %d", BKUP_BIND, STAGE_DCID, stage_node(1)),
		 primary->ep);
	CHECK_EQ(row(0, 10, ROW_FLAGS), REMOTE);
	CHECK_EQ(row(0, 10, ROW_MISC), MIS_RMTBACKUP | MIS_GRPLEADER);
	CHECK_EQ(row(0, 10, ROW_VPID), backup->own_pid);
	tell(backup, "wait4bind %d %d 0", WAIT_BIND, SELF);
	CHECK(row_becomes(0, 10, ROW_FLAGS, ~0L, REMOTE | WAITMIGR, 1000));
	CHECK_EQ(step(by, MIGR_START, primary->ep, -1), 0);
	CHECK(is_silent(backup, 50));
	CHECK_EQ(step(by, MIGR_COMMIT, primary->ep, stage_node(0)), 0);
	CHECK_EQ(hear(backup), primary->ep);
	CHECK(row_becomes(0, 10, ROW_MISC, ~0L, MIS_GRPLEADER, 1000));
	tell(backup, "serve 4");
	CHECK_EQ(ask(b, "calls %d 4", primary->ep), 0);
	CHECK_EQ(hear(backup), 0);
}

int main(int argc, char **argv)
{
	static const struct stage_test tests[] = {
		STAGE_TEST(test_errors_in_their_order),
		STAGE_TEST(test_commit_outside_the_dc),
		STAGE_TEST(test_it_stands_still_until_the_rollback),
		STAGE_TEST(test_waiting_for_a_move_times_out),
		STAGE_TEST(test_a_task_attaches_itself),
		STAGE_TEST(test_a_backup_is_promoted),
	};

	return stage_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
