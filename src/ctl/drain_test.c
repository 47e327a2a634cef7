/* SPDX-License-Identifier: Apache-2.0 */

/* dvs drain: one process that stayed makes the whole a failure, and the others are shown all the same. */

#include "ctl/rig_test.h"

static bool one_stays, none, fails;

static void serve(const struct ctl_request *request)
{
	struct ctl_move move = { .dcid = 2, .endpoint = 20, .from = 1, .to = 0, .name = "server" };

	CHECK_EQ(request->call, CTL_DRAIN);
	if (!none)
		rig_row(&move, sizeof(move));
	move.endpoint = 21;
	move.result = CTL_MOVE_REFUSED;
	move.to = -1;
	move.error = EDVSBUSY;
	snprintf(move.reason, sizeof(move.reason), "it has a socket open");
	if (one_stays)
		rig_row(&move, sizeof(move));
	if (fails)
		rig_refuse(EDVSNONODE, "node 1 has gone");
	else
		rig_end(0);
}

static void test_words(void)
{
	rig_daemon = serve;
	CHECK_EQ(rig_run(verb_drain, NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_drain, "3x", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_drain, "1", "2", NULL), WRONG_USAGE);
	CHECK_EQ(rig->asked, 0);
	CHECK_EQ(rig_run(verb_drain, "1", NULL), DONE);
	CHECK_EQ(rig->request[0].head.nodeid, 1);
	CHECK_EQ(rig->request[0].head.flags, 0);
	CHECK(rig_said("committed"));
	CHECK_EQ(rig_run(verb_drain, "1", "--dry-run", NULL), DONE);
	CHECK_EQ(rig->request[0].head.flags, CTL_FLAG_DRY_RUN);
	CHECK_EQ(rig_run(verb_drain, "1", "--carry-files", NULL), DONE);
	CHECK_EQ(rig->request[0].head.flags, CTL_FLAG_CARRY);
	CHECK_EQ(rig_run(verb_drain, "1", "--dry-run", "--carry-files", NULL), DONE);
	CHECK_EQ(rig->request[0].head.flags, CTL_FLAG_DRY_RUN | CTL_FLAG_CARRY);
}

static void test_one_stays(void)
{
	one_stays = true;
	CHECK_EQ(rig_run(verb_drain, "1", NULL), REFUSED);
	CHECK(rig_said("endpoint 21 (server) of DC 2 stays on node 1: it has a socket open"));
	CHECK(rig_wrong("endpoint 21 of container 2 stays on node 1: it has a socket open"));
	CHECK_EQ(rig_run(verb_drain, "1", "--json", NULL), REFUSED);
	CHECK_EQ(rig_elements(), 2);
	CHECK(rig_has_number("endpoint", 20));
	one_stays = false;
}

static void test_nothing_there(void)
{
	none = true;
	CHECK_EQ(rig_run(verb_drain, "1", NULL), DONE);
	CHECK(rig_said("node 1 has no processes"));
	CHECK_EQ(rig_run(verb_drain, "1", "--json", NULL), DONE);
	CHECK(!strcmp(rig->out, "[]\n"));
	fails = true;
	CHECK_EQ(rig_run(verb_drain, "1", NULL), REFUSED);
	CHECK(!strstr(rig->out, "no processes"));
	CHECK_EQ(rig_run(verb_drain, "1", "--json", NULL), REFUSED);
	CHECK(rig_has_text("error", "EDVSNONODE")); /* one document, and it is the error */
	none = false;
	CHECK_EQ(rig_run(verb_drain, "1", "--json", NULL), REFUSED);
	CHECK_EQ(rig_elements(), 1); /* or what there was before it */
	fails = false;
}

int main(void)
{
	TEST(test_words);
	TEST(test_one_stays);
	TEST(test_nothing_there);
	return test_end();
}
