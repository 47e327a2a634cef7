/* SPDX-License-Identifier: Apache-2.0 */

/* dvs logs: which words, and how an interrupt, an error and a document go together. */

#include <signal.h>

#include "ctl/rig_test.h"

static void writes(const struct ctl_request *request)
{
	(void)request;
	rig_data("hello\n", 106);
	rig_end(0);
}

static void refuses(const struct ctl_request *request)
{
	(void)request;
	rig_refuse(EDVSNOTBIND, "endpoint 20 is not bound");
}

static void interrupted(const struct ctl_request *request)
{
	(void)request;
	rig_data("hello\n", 6);
	raise(SIGINT);
}

static void test_words(void)
{
	rig_daemon = writes;
	CHECK_EQ(rig_run(verb_logs, "2", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_logs, "2", "20", "--json", "-f", NULL), WRONG_USAGE);
	CHECK(rig_wrong("--json gives one document, -f has no end: choose one"));
	CHECK_EQ(rig->asked, 0);
	CHECK_EQ(rig_run(verb_logs, "2", "20", NULL), DONE);
	CHECK_EQ(rig->request[0].head.call, CTL_LOGS);
	CHECK_EQ(rig->request[0].head.dcid, 2);
	CHECK_EQ(rig->request[0].head.endpoint, 20);
	CHECK_EQ(rig->request[0].head.flags, 0);
	CHECK(!strcmp(rig->out, "[dvs: 100 earlier bytes are not kept any more]\nhello\n"));
	CHECK_EQ(rig_run(verb_logs, "2", "20", "-f", NULL), DONE);
	CHECK_EQ(rig->request[0].head.flags, CTL_FLAG_FOLLOW);
}

static void test_document(void)
{
	CHECK_EQ(rig_run(verb_logs, "2", "20", "--json", NULL), DONE);
	CHECK(rig_has_text("log", "hello\n"));
	CHECK(rig_has_number("dropped", 100));
	CHECK(rig_has_number("endpoint", 20));
	rig_daemon = refuses;
	CHECK_EQ(rig_run(verb_logs, "2", "20", "--json", NULL), REFUSED);
	CHECK(rig_has_text("error", "EDVSNOTBIND"));
	CHECK_EQ(rig_run(verb_logs, "2", "20", NULL), REFUSED);
}

/* Following has no other end: an interrupt is no failure. */
static void test_interrupted(void)
{
	rig_daemon = interrupted;
	CHECK_EQ(rig_run(verb_logs, "2", "20", "-f", NULL), DONE);
	CHECK_EQ(rig->err[0], 0);
}

int main(void)
{
	TEST(test_words);
	TEST(test_document);
	TEST(test_interrupted);
	return test_end();
}
