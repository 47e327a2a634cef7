/* SPDX-License-Identifier: Apache-2.0 */

/* dvs restart and dvs lab restart: which node, and what is said of a restart that left links down. */

#include "ctl/rig_test.h"

static struct ctl_restart done = { .nodeid = 1, .processes = 3, .paused_ns = 1500000 };
static bool refuses;

static void serve(const struct ctl_request *request)
{
	CHECK_EQ(request->call, CTL_RESTART);
	if (refuses)
		rig_refuse(EDVSBUSY, "a move is under way");
	else
		rig_end_with(&done, sizeof(done));
}

static void test_words(void)
{
	rig_daemon = serve;
	CHECK_EQ(rig_run(verb_restart, "1", NULL), WRONG_USAGE);
	CHECK(rig_wrong("unexpected word 1: -n names the node"));
	CHECK_EQ(rig_run(verb_lab_restart, NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_lab_restart, "3x", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_lab_restart, "-1", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_lab_restart, "32", NULL), WRONG_USAGE);
	CHECK(rig_wrong("NODE is a number from 0 to 31, not 32"));
	CHECK_EQ(rig->asked, 0);
}

static void test_restarted(void)
{
	CHECK_EQ(rig_run(verb_restart, NULL), DONE);
	CHECK_EQ(rig->asked, 1);
	CHECK(rig_said("node 1 runs its daemon anew: it stood still for 1.50 ms"));
	CHECK(!strstr(rig->out, "still down"));
	done.links_down = 2;
	CHECK_EQ(rig_run(verb_lab_restart, "1", NULL), DONE);
	CHECK(rig_said("2 links are still down (dvs -n 1 nodes)"));
	CHECK_EQ(rig_run(verb_restart, "--json", NULL), DONE);
	CHECK(rig_has_number("processes", 3));
	refuses = true;
	CHECK_EQ(rig_run(verb_restart, "--json", NULL), REFUSED);
	CHECK(rig_has_text("error", "EDVSBUSY"));
}

int main(void)
{
	TEST(test_words);
	TEST(test_restarted);
	return test_end();
}
