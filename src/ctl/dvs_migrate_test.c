/* SPDX-License-Identifier: Apache-2.0 */

/* The original's dvs_migrate: which step, and which node is asked for it. */

#include "ctl/rig_test.h"

static int answer[2]; /* to the first and second question */

static void serve(const struct ctl_request *request)
{
	int error = answer[rig->asked - 1];

	(void)request;
	if (error)
		rig_refuse(error, error == answer[0] ? "first" : "second");
	else
		rig_end(0);
}

#define HEAD (rig->request[0].head)

static void test_words(void)
{
	rig_daemon = serve;
	CHECK_EQ(rig_run(verb_dvs_migrate, "2", "20", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_dvs_migrate, "-s", "-c", "2", "20", "1", NULL), WRONG_USAGE);
	CHECK(rig_wrong("one of -s, -r and -c is needed"));
	CHECK_EQ(rig_run(verb_dvs_migrate, "-c", "2", "20", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_dvs_migrate, "-c", "2", "20", "1", "-5", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_dvs_migrate, "-c", "2", "20", "1", "99999999", NULL), WRONG_USAGE);
	CHECK(rig_wrong("PID is a process, not \"99999999\""));
	CHECK_EQ(rig->asked, 0);
}

static void test_steps(void)
{
	CHECK_EQ(rig_run(verb_dvs_migrate, "-s", "2", "20", NULL), DONE);
	CHECK_EQ(HEAD.call, CTL_MIGRATE);
	CHECK_EQ(HEAD.cmd, MIGR_START);
	CHECK_EQ(HEAD.dcid, 2);
	CHECK_EQ(HEAD.endpoint, 20);
	CHECK_EQ(HEAD.pid, 0);
	CHECK_EQ(HEAD.flags, CTL_FLAG_HAND_COMMIT);
	CHECK_EQ(rig->out[0], 0);
	CHECK_EQ(rig_run(verb_dvs_migrate, "-r", "2", "20", "--json", NULL), DONE);
	CHECK_EQ(HEAD.cmd, MIGR_ROLLBACK);
	CHECK(rig_has_text("step", "rollback"));
	CHECK_EQ(rig_run(verb_dvs_migrate, "-c", "2", "20", "1", NULL), DONE);
	CHECK_EQ(HEAD.cmd, MIGR_COMMIT);
	CHECK_EQ(HEAD.nodeid, 1);
	CHECK_EQ(HEAD.pid, 0);
}

/* A process is attached by the node it runs on; where that is not there another one knows the right error. */
static void test_which_node(void)
{
	int lab = access(LAB_FOLDER, F_OK) == 0;

	CHECK_EQ(rig_run(verb_dvs_migrate, "-c", "2", "20", "1", "77", NULL), DONE);
	CHECK_EQ(rig->asked, 1);
	CHECK_EQ(HEAD.node, lab ? -1 : 1);
	CHECK_EQ(HEAD.pid, 77);
	answer[0] = EDVSNONODE;
	answer[1] = EDVSBADPROC;
	CHECK_EQ(rig_run(verb_dvs_migrate, "-c", "2", "20", "1", "77", NULL), REFUSED);
	CHECK_EQ(rig->asked, 2);
	CHECK(rig_wrong("second (EDVSBADPROC)"));
	CHECK(!strstr(rig->err, "first"));
	answer[1] = 0;
	answer[0] = EDVSBADNODEID;
	CHECK_EQ(rig_run(verb_dvs_migrate, "-c", "2", "20", "1", "77", NULL), DONE);
	answer[0] = EDVSPRIVILEGES; /* its word counts */
	CHECK_EQ(rig_run(verb_dvs_migrate, "-c", "2", "20", "1", "77", NULL), REFUSED);
	CHECK_EQ(rig->asked, 1);
	answer[0] = EDVSNONODE; /* no process to attach: asked once */
	CHECK_EQ(rig_run(verb_dvs_migrate, "-c", "2", "20", "1", NULL), REFUSED);
	CHECK_EQ(rig->asked, 1);
	answer[0] = 0;
}

int main(void)
{
	TEST(test_words);
	TEST(test_steps);
	TEST(test_which_node);
	return test_end();
}
