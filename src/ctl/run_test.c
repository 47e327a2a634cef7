/* SPDX-License-Identifier: Apache-2.0 */

/* dvs run: which words are its own, and which the command's. */

#include "ctl/starts_test.h"

/* Word `index` of the command that was asked for. */
static const char *word(unsigned index)
{
	const char *at = (const char *)rig->request[0].payload + sizeof(struct ctl_run);

	while (index--)
		at += strlen(at) + 1;
	return at;
}

static void test_words(void)
{
	rig_daemon = starts;
	CHECK_EQ(rig_run(verb_run, "2", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_run, "2", "20", NULL), WRONG_USAGE);
	CHECK(rig_wrong("a command is needed"));
	CHECK_EQ(rig_run(verb_run, "x", "20", "cmd", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_run, "2", "cmd", "x", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_run, "2", "20", "--log-bytes", "4095", "cmd", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_run, "2", "20", "--log-bytes", "4194305", "cmd", NULL), WRONG_USAGE);
	CHECK(rig_wrong("--log-bytes is a number from 4096 to 4194304, not 4194305"));
	CHECK_EQ(rig->asked, 0);
}

static void test_bound(void)
{
	CHECK_EQ(rig_run(verb_run, "2", "20", "cmd", "--json", "-x", NULL), DONE);
	CHECK_EQ(HEAD.call, CTL_RUN);
	CHECK_EQ(HEAD.dcid, 2);
	CHECK_EQ(HEAD.endpoint, 20);
	CHECK_EQ(HEAD.cmd, LCL_BIND);
	CHECK_EQ(HEAD.flags, 0);
	CHECK_EQ(sent().argc, 3); /* the words behind the command are its own */
	CHECK_EQ(sent().log_bytes, 0);
	CHECK(!strcmp(word(0), "cmd") && !strcmp(word(1), "--json"));
	CHECK_EQ(rig_run(verb_run, "--json", "2", "-w", "20", "--log-bytes", "4096", "--", "--cmd",
			 NULL),
		 DONE);
	CHECK_EQ(HEAD.flags, CTL_FLAG_FOLLOW);
	CHECK_EQ(sent().log_bytes, 4096);
	CHECK_EQ(sent().argc, 1);
	CHECK(!strcmp(word(0), "--cmd"));
	CHECK_EQ(rig_run(verb_run, "2", "20", "cmd", "--unbound", NULL), DONE);
	CHECK_EQ(HEAD.flags, 0);
	CHECK_EQ(HEAD.endpoint, 20);
	CHECK_EQ(sent().argc, 2);
	CHECK_EQ(rig_run(verb_run, "2", "-5", "cmd", NULL), DONE); /* tasks have negative slots */
	CHECK_EQ(HEAD.endpoint, -5);
}

/* Unbound the endpoint may be left out: then the second word is the command, unless "--" says where that is. */
static void test_unbound(void)
{
	CHECK_EQ(rig_run(verb_run, "--unbound", "2", "cmd", "arg", NULL), DONE);
	CHECK_EQ(HEAD.flags, CTL_FLAG_UNBOUND);
	CHECK_EQ(HEAD.endpoint, NONE);
	CHECK_EQ(sent().argc, 2);
	CHECK(!strcmp(word(0), "cmd"));
	CHECK_EQ(rig_run(verb_run, "2", "--unbound", "cmd", NULL), DONE);
	CHECK_EQ(HEAD.endpoint, NONE);
	CHECK_EQ(rig_run(verb_run, "--log-bytes", "4096", "--unbound", "2", "cmd", NULL), DONE);
	CHECK_EQ(HEAD.flags, CTL_FLAG_UNBOUND);
	CHECK_EQ(rig_run(verb_run, "--unbound", "2", "20", "--", "cmd", NULL), DONE);
	CHECK_EQ(HEAD.endpoint, 20);
	CHECK_EQ(sent().argc, 1);
	CHECK_EQ(rig_run(verb_run, "--unbound", "2", "--", "cmd", NULL), DONE);
	CHECK_EQ(HEAD.endpoint, NONE);
	CHECK(!strcmp(word(0), "cmd"));
}

int main(void)
{
	TEST(test_words);
	TEST(test_bound);
	TEST(test_unbound);
	return test_end();
}
