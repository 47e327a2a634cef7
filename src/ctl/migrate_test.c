/* SPDX-License-Identifier: Apache-2.0 */

/* dvs migrate: the words, and what its end means for one who moves and for one who cancels. */

#include "ctl/rig_test.h"

static struct ctl_move row;
static bool no_row;

static void serve(const struct ctl_request *request)
{
	(void)request;
	if (no_row) {
		rig_refuse(EDVSNOTBIND, "endpoint 20 is not bound");
		return;
	}
	rig_row(&row, sizeof(row));
	rig_end(0);
}

#define HEAD (rig->request[0].head)

static void test_words(void)
{
	rig_daemon = serve;
	CHECK_EQ(rig_run(verb_migrate, "2", "20", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "1", "--mode", "x", NULL), WRONG_USAGE);
	CHECK(rig_wrong("--mode is stop, pre or post, not x"));
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "1", "--engine", "x", NULL), WRONG_USAGE);
	CHECK(rig_wrong("--engine is native or criu, not x"));
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "1", "--cancel", NULL), WRONG_USAGE);
	CHECK(rig_wrong("--cancel needs no node, so what is 1?"));
	CHECK_EQ(rig->asked, 0);
}

static void test_request(void)
{
	row = (struct ctl_move){ .dcid = 2, .endpoint = 20, .from = 0, .to = 1, .name = "p" };
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "1", NULL), DONE);
	CHECK_EQ(HEAD.call, CTL_MOVE);
	CHECK_EQ(HEAD.dcid, 2);
	CHECK_EQ(HEAD.endpoint, 20);
	CHECK_EQ(HEAD.nodeid, 1);
	CHECK_EQ(HEAD.mode, CTL_MODE_STOP);
	CHECK_EQ(HEAD.engine, CTL_ENGINE_NATIVE);
	CHECK_EQ(HEAD.flags, 0);
	CHECK(rig_said("endpoint 20 (p) moved from node 0 to node 1"));
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "1", "--mode", "pre", NULL), DONE);
	CHECK_EQ(HEAD.mode, CTL_MODE_PRE);
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "1", "--mode", "post", "--engine", "criu", NULL),
		 DONE);
	CHECK_EQ(HEAD.mode, CTL_MODE_POST);
	CHECK_EQ(HEAD.engine, CTL_ENGINE_CRIU);
	row.dry_run = 1;
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "1", "--dry-run", NULL), DONE);
	CHECK_EQ(HEAD.flags, CTL_FLAG_DRY_RUN);
	CHECK(rig_said("endpoint 20 (p) can move from node 0 to node 1"));
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "1", "--dry-run", "--carry-files", NULL), DONE);
	CHECK_EQ(HEAD.flags, CTL_FLAG_DRY_RUN | CTL_FLAG_CARRY);
	row.dry_run = 0;
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "1", "--carry-files", NULL), DONE);
	CHECK_EQ(HEAD.flags, CTL_FLAG_CARRY);
	row.to = 0;
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "0", NULL), DONE);
	CHECK(rig_said("endpoint 20 (p) is on node 0 already"));
}

static void test_refused(void)
{
	row = (struct ctl_move){ .dcid = 2,
				 .endpoint = 20,
				 .from = 0,
				 .to = 1,
				 .result = CTL_MOVE_ROLLED_BACK,
				 .error = EDVSNONODE,
				 .reason = "node 1 has gone" };
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "1", NULL), REFUSED);
	CHECK(rig_wrong("node 1 has gone (EDVSNONODE)"));
	CHECK_EQ(rig->out[0], 0);
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "1", "--json", NULL), REFUSED);
	CHECK(rig_has_text("result", "rolled_back") || rig_has_text("result", "rolled-back"));
	no_row = true;
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "1", "--json", NULL), REFUSED);
	CHECK(rig_has_number("from", -1)); /* one document, a row of the move that did not begin */
	no_row = false;
}

/* To cancel: a process that stays is success, one that has moved all the same the failure. */
static void test_cancel(void)
{
	row = (struct ctl_move){ .dcid = 2,
				 .endpoint = 20,
				 .from = 0,
				 .to = 1,
				 .result = CTL_MOVE_ROLLED_BACK,
				 .error = EDVSINTR };
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "--cancel", NULL), DONE);
	CHECK_EQ(HEAD.flags, CTL_FLAG_CANCEL);
	CHECK(rig_said("the move of endpoint 20 is cancelled; the process goes on on node 0"));
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "--cancel", "--json", NULL), DONE);
	row.result = CTL_MOVE_COMMITTED;
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "--cancel", NULL), REFUSED);
	CHECK(rig_wrong("it is too late to cancel: endpoint 20 has moved to node 1"));
	no_row = true;
	CHECK_EQ(rig_run(verb_migrate, "2", "20", "--cancel", NULL), REFUSED);
	CHECK(rig_wrong("endpoint 20 is not bound"));
	no_row = false;
}

int main(void)
{
	TEST(test_words);
	TEST(test_request);
	TEST(test_refused);
	TEST(test_cancel);
	return test_end();
}
