/* SPDX-License-Identifier: Apache-2.0 */

/* The end of a move at its asker, also of one that is interrupted. */

#include "client/move.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "client/rig_test.h"

static struct ctl_move row; /* the daemon's */

static void say(const char *sentence)
{
	printf("%s\n", sentence);
}

static int move(void)
{
	struct ctl_request request = client_request(CTL_MOVE);
	struct refusal refusal = REFUSAL_NONE;
	struct ctl_move move;

	request.dcid = 2;
	request.endpoint = 20;
	request.nodeid = 5;
	request.flags = CTL_FLAG_DRY_RUN;
	rig->note[0] = client_move(-1, &request, &move, say, &refusal);
	rig->note[1] = move.result;
	rig->note[2] = move.from;
	rig->note[3] = move.error;
	rig->note[4] = (int)move.dry_run;
	rig->note[5] = move.to;
	printf("reason %s\nrefusal %s\n", move.reason, refusal.reason);
	return 0;
}

static void answers(const struct ctl_request *request)
{
	(void)request;
	rig_row(&row, sizeof(row));
	rig_end(0);
}

static void test_committed(void)
{
	row = (struct ctl_move){ .from = 1, .to = 5, .result = CTL_MOVE_COMMITTED };
	rig_daemon = answers;
	rig_call(move);
	CHECK_EQ(rig->note[0], 0);
	CHECK_EQ(rig->note[1], CTL_MOVE_COMMITTED);
	CHECK_EQ(rig->note[2], 1);
	CHECK_EQ(rig->asked, 1);
}

static void test_rolled_back(void)
{
	row = (struct ctl_move){
		.from = 1, .to = 5, .result = CTL_MOVE_ROLLED_BACK, .error = EDVSNONODE
	};
	snprintf(row.reason, sizeof(row.reason), "node 5 has gone");
	rig_daemon = answers;
	rig_call(move);
	CHECK_EQ(rig->note[0], EDVSNONODE);
	CHECK_EQ(rig->note[1], CTL_MOVE_ROLLED_BACK);
	CHECK(rig_said("refusal node 5 has gone"));
}

static void refuses(const struct ctl_request *request)
{
	(void)request;
	rig_refuse(EDVSNOTBIND, "endpoint 20 is not bound");
}

static void row_and_hang_up(const struct ctl_request *request)
{
	(void)request;
	rig_row(&row, sizeof(row));
	rig_hang_up();
}

static void ends_without_row(const struct ctl_request *request)
{
	(void)request;
	rig_end(0);
}

static int nobody(const char *name)
{
	return name[0] == '@' ? -ECONNREFUSED : -ENOENT;
}

/* It was refused before it began: there is a row all the same, which says of which move. */
static void test_refused(void)
{
	rig_daemon = refuses;
	rig_call(move);
	CHECK_EQ(rig->note[0], EDVSNOTBIND);
	CHECK_EQ(rig->note[1], CTL_MOVE_REFUSED);
	CHECK_EQ(rig->note[2], -1);
	CHECK_EQ(rig->note[3], EDVSNOTBIND);
	CHECK_EQ(rig->note[4], 1);
	CHECK_EQ(rig->note[5], 5);
	CHECK(rig_said("reason endpoint 20 is not bound"));
	rig_connect = nobody;
	rig_call(move);
	CHECK_EQ(rig->note[0], EDVSDVSINIT);
	CHECK_EQ(rig->note[3], EDVSDVSINIT);
	CHECK(rig_said("reason no daemon runs here"));
	rig_connect = NULL;
	rig_daemon = ends_without_row;
	rig_call(move);
	CHECK_EQ(rig->note[1], CTL_MOVE_REFUSED);
	CHECK_EQ(rig->note[0], EDVSGENERIC);
	/* The daemon ends after its row: that counts, and the end is the error. */
	row = (struct ctl_move){ .from = 1, .to = 5, .result = CTL_MOVE_COMMITTED };
	rig_daemon = row_and_hang_up;
	rig_call(move);
	CHECK_EQ(rig->note[0], EDVSCONNRESET);
	CHECK_EQ(rig->note[2], 1);
}

/* ---- interrupts ---- */

static void interrupted_once(const struct ctl_request *request)
{
	if (!(request->flags & CTL_FLAG_CANCEL))
		raise(SIGINT);
	else
		answers(request);
}

static void interrupted_twice(const struct ctl_request *request)
{
	(void)request;
	raise(SIGINT);
}

static void test_interrupted(void)
{
	row = (struct ctl_move){
		.from = 1, .to = 5, .result = CTL_MOVE_ROLLED_BACK, .error = EDVSINTR
	};
	rig_daemon = interrupted_once;
	rig_call(move);
	CHECK_EQ(rig->note[0], EDVSINTR);
	CHECK_EQ(rig->asked, 2); /* the second packet of the same connection gives it up */
	CHECK_EQ(rig->request[0].head.flags, CTL_FLAG_DRY_RUN);
	CHECK_EQ(rig->request[1].head.call, CTL_MOVE);
	CHECK_EQ(rig->request[1].head.flags, CTL_FLAG_DRY_RUN | CTL_FLAG_CANCEL);
	CHECK(rig_said("interrupted: the move is being cancelled"));
	/* Too late: that is no failure of the move, and is said. */
	row.result = CTL_MOVE_COMMITTED;
	rig_call(move);
	CHECK_EQ(rig->note[0], 0);
	CHECK(rig_said("the interrupt came too late"));
	/* The second one ends the wait. */
	rig_daemon = interrupted_twice;
	rig_call(move);
	CHECK_EQ(rig->note[0], EDVSINTR);
	CHECK_EQ(rig->asked, 2);
	CHECK_EQ(rig->note[1], CTL_MOVE_REFUSED);
}

int main(void)
{
	TEST(test_committed);
	TEST(test_rolled_back);
	TEST(test_refused);
	TEST(test_interrupted);
	return test_end();
}
