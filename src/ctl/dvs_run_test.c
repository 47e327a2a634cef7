/* SPDX-License-Identifier: Apache-2.0 */

/* The original's dvs_run: as itself, a replica, or a backup, and whose words are whose. */

#include "ctl/starts_test.h"

static const char *command(void)
{
	return (const char *)rig->request[0].payload + sizeof(struct ctl_run);
}

static void test_words(void)
{
	rig_daemon = starts;
	CHECK_EQ(rig_run(verb_dvs_run, "2", "20", "cmd", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_dvs_run, "-l", "-r", "2", "20", "cmd", NULL), WRONG_USAGE);
	CHECK(rig_wrong("one of -l, -r and -b is needed"));
	CHECK_EQ(rig_run(verb_dvs_run, "-l", "2", "20", NULL), WRONG_USAGE);
	CHECK(rig_wrong("a command is needed"));
	CHECK_EQ(rig_run(verb_dvs_run, "-l", "2", "x", "cmd", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_dvs_run, "-b", "2", "20", NULL), WRONG_USAGE);
	CHECK(rig_wrong("-b needs the node of the primary"));
	CHECK_EQ(rig_run(verb_dvs_run, "-b", "2", "20", "3x", NULL), WRONG_USAGE);
	CHECK(rig_wrong("NODE of the primary: a node is a number or a name, not \"3x\""));
	CHECK_EQ(rig_run(verb_dvs_run, "-b", "2", "20", "1", NULL), WRONG_USAGE);
	CHECK_EQ(rig->asked, 0);
}

static void test_kinds(void)
{
	CHECK_EQ(rig_run(verb_dvs_run, "-l", "2", "20", "cmd", "-r", NULL), DONE);
	CHECK_EQ(HEAD.call, CTL_RUN);
	CHECK_EQ(HEAD.dcid, 2);
	CHECK_EQ(HEAD.endpoint, 20);
	CHECK_EQ(HEAD.cmd, LCL_BIND);
	CHECK_EQ(sent().argc, 2);
	CHECK_EQ(sent().umask, 027);
	CHECK_EQ(rig_run(verb_dvs_run, "-r", "2", "20", "cmd", NULL), DONE);
	CHECK_EQ(HEAD.cmd, REPLICA_BIND);
	CHECK_EQ(rig_run(verb_dvs_run, "-b", "--json", "2", "20", "3", "cmd", NULL), DONE);
	CHECK_EQ(HEAD.cmd, BKUP_BIND);
	CHECK_EQ(HEAD.nodeid, 3);
	CHECK_EQ(sent().argc, 1);
	CHECK(!strcmp(command(), "cmd"));
	CHECK(rig_has_number("lpid", 77));
}

int main(void)
{
	TEST(test_words);
	TEST(test_kinds);
	return test_end();
}
