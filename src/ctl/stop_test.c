/* SPDX-License-Identifier: Apache-2.0 */

/* dvs stop and dvs kill: one life of an endpoint is meant, until it has gone, wherever it moves meanwhile. */

#include <signal.h>

#include "ctl/rig_test.h"

static struct ctl_signal_row row = {
	.dcid = 2, .endpoint = 20, .node = 1, .lpid = 77, .generation = 5, .name = "server"
};

#define HEAD(i) (rig->request[i].head)

static void ends_at_once(const struct ctl_request *request)
{
	(void)request;
	rig_row(&row, sizeof(row));
	rig_end(0x300);
}

static void test_words(void)
{
	rig_daemon = ends_at_once;
	CHECK_EQ(rig_run(verb_stop, "2", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_stop, "2", "20", "--time", "-1", NULL), WRONG_USAGE);
	CHECK_EQ(rig_run(verb_stop, "2", "20", "--time", "1000001", NULL), WRONG_USAGE);
	CHECK(rig_wrong("--time is from 0 to 1000000 seconds, not 1000001"));
	CHECK_EQ(rig_run(verb_kill, "2", "20", "--signal", "NONE", NULL), WRONG_USAGE);
	CHECK(rig_wrong("--signal is a signal's name or number, not \"NONE\""));
	CHECK_EQ(rig->asked, 0);
}

static void test_stopped(void)
{
	CHECK_EQ(rig_run(verb_stop, "2", "20", NULL), DONE);
	CHECK_EQ(rig->asked, 1);
	CHECK_EQ(HEAD(0).call, CTL_SIGNAL);
	CHECK_EQ(HEAD(0).dcid, 2);
	CHECK_EQ(HEAD(0).endpoint, 20);
	CHECK_EQ(HEAD(0).cmd, SIGTERM);
	CHECK_EQ(HEAD(0).addr[0], 0);
	CHECK_EQ(HEAD(0).flags, CTL_FLAG_UNTIL_GONE);
	CHECK(rig_said("endpoint 20 (server) on node 1 has ended by SIGTERM after"));
	CHECK(rig_said(": exited with 3"));
	CHECK_EQ(rig_run(verb_stop, "2", "20", "--json", NULL), DONE);
	CHECK(rig_has_text("ended_by", "TERM"));
	CHECK(rig_has_number("exit_status", 3));
	CHECK(rig_has_number("generation", 5));
}

/* Its time is over: SIGKILL, for the life that has answered. */
static void ends_by_kill(const struct ctl_request *request)
{
	rig_row(&row, sizeof(row));
	if (request->cmd == SIGKILL)
		rig_end(SIGKILL);
}

static void ends_by_itself_at_last(const struct ctl_request *request)
{
	rig_row(&row, sizeof(row));
	if (request->cmd == SIGKILL)
		rig_end(0);
}

static void ends_unseen(const struct ctl_request *request)
{
	rig_row(&row, sizeof(row));
	if (request->cmd == SIGKILL)
		rig_end(-1);
}

static void test_killed(void)
{
	rig_daemon = ends_by_kill;
	CHECK_EQ(rig_run(verb_stop, "2", "20", "--time", "0", NULL), DONE);
	CHECK_EQ(rig->asked, 2);
	CHECK_EQ(HEAD(1).cmd, SIGKILL);
	CHECK_EQ(HEAD(1).addr[0], 6); /* 1 + its generation */
	CHECK(rig_said("has ended by SIGKILL"));
	rig_daemon = ends_by_itself_at_last;
	CHECK_EQ(rig_run(verb_stop, "2", "20", "--time", "0", "--json", NULL), DONE);
	CHECK(rig_has_text("ended_by", "TERM"));
	rig_daemon = ends_unseen;
	CHECK_EQ(rig_run(verb_stop, "2", "20", "--time", "0", "--json", NULL), DONE);
	CHECK(rig_has_text("ended_by", "KILL"));
}

/* It moves: asked again, and not sent the signal a second time once it was sent. */
static void moves_twice(const struct ctl_request *request)
{
	(void)request;
	if (rig->asked == 2)
		rig_row(&row, sizeof(row));
	if (rig->asked < 3)
		rig_refuse(EDVSMIGRATE, "it is on its way");
	else
		rig_end(0);
}

static void test_moves(void)
{
	rig_daemon = moves_twice;
	CHECK_EQ(rig_run(verb_stop, "2", "20", NULL), DONE);
	CHECK_EQ(rig->asked, 3);
	CHECK_EQ(HEAD(1).cmd, SIGTERM);
	CHECK_EQ(HEAD(1).addr[0], 0);
	CHECK_EQ(HEAD(2).cmd, 0);
	CHECK_EQ(HEAD(2).addr[0], 6);
	CHECK_EQ(rig->err[0], 0);
}

/* That life is over by the second question: it is gone, whoever has the slot now. */
static void gone_when_asked_again(const struct ctl_request *request)
{
	(void)request;
	if (rig->asked == 1) {
		rig_row(&row, sizeof(row));
		rig_refuse(EDVSMIGRATE, "it is on its way");
	} else {
		rig_refuse(EDVSNOTBIND, "no such life");
	}
}

static void not_bound(const struct ctl_request *request)
{
	(void)request;
	rig_refuse(EDVSNOTBIND, "endpoint 20 is not bound");
}

static void test_gone(void)
{
	rig_daemon = gone_when_asked_again;
	CHECK_EQ(rig_run(verb_stop, "2", "20", "--json", NULL), DONE);
	CHECK(rig_has_text("ended_by", "TERM"));
	rig_daemon = not_bound; /* it was never there */
	CHECK_EQ(rig_run(verb_stop, "2", "20", NULL), REFUSED);
	CHECK(rig_wrong("endpoint 20 is not bound"));
	CHECK_EQ(rig_run(verb_kill, "2", "20", NULL), REFUSED);
}

static void interrupted(const struct ctl_request *request)
{
	(void)request;
	rig_row(&row, sizeof(row));
	raise(SIGINT);
}

static void test_interrupted(void)
{
	rig_daemon = interrupted;
	CHECK_EQ(rig_run(verb_stop, "2", "20", NULL), REFUSED);
	CHECK(rig_wrong("was sent SIGTERM and may still end, SIGKILL was not sent"));
	CHECK_EQ(rig->asked, 1);
}

static void test_kill(void)
{
	rig_daemon = ends_at_once;
	CHECK_EQ(rig_run(verb_kill, "2", "20", NULL), DONE);
	CHECK_EQ(HEAD(0).cmd, SIGKILL);
	CHECK_EQ(HEAD(0).flags, 0); /* sent is all */
	CHECK(rig_said("SIGKILL sent to endpoint 20 (server) on node 1, lpid=77"));
	CHECK_EQ(rig_run(verb_kill, "2", "20", "-s", "usr1", "--json", NULL), DONE);
	CHECK_EQ(HEAD(0).cmd, SIGUSR1);
	CHECK(rig_has_text("signal", "SIGUSR1"));
}

int main(void)
{
	TEST(test_words);
	TEST(test_stopped);
	TEST(test_killed);
	TEST(test_moves);
	TEST(test_gone);
	TEST(test_interrupted);
	TEST(test_kill);
	return test_end();
}
