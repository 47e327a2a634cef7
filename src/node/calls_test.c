/* SPDX-License-Identifier: Apache-2.0 */
#include "node/calls.h"

#include <stdlib.h>

#include "base/test.h"
#include "dvk.h"
#include "node/ask/request.h"
#include "node/node.h"

#define OWNER 1000
#define OTHER 1001

static struct node *node;
static int error;

static void note(void *asker, int from, const struct ctl_reply *reply, const void *payload)
{
	(void)asker;
	(void)from;
	(void)payload;
	error = reply->error;
}

/* How a call ends that concerns slot 3 of a DC, where nobody is bound. */
static int ask(unsigned call, uid_t uid, int dcid, int to)
{
	struct request *request = request_new(&node->requests);

	request->told = note;
	request->uid = uid;
	request->head.call = (uint16_t)call;
	request->head.dcid = dcid;
	request->head.endpoint = 3;
	request->head.node = to;
	request->again = calls_dispatch; /* it has caught up with the order */
	error = 0;
	calls_dispatch(request);
	return error;
}

static void test_owner_and_root_may(void)
{
	CHECK_EQ(ask(CTL_SIGNAL, OTHER, 0, -1), EDVSPRIVILEGES);
	CHECK_EQ(ask(CTL_LOGS, OTHER, 0, -1), EDVSPRIVILEGES);
	CHECK_EQ(ask(CTL_MOVE, OTHER, 0, -1), EDVSPRIVILEGES);
	CHECK(ask(CTL_SIGNAL, OWNER, 0, -1) != EDVSPRIVILEGES);
	CHECK(ask(CTL_SIGNAL, 0, 0, -1) != EDVSPRIVILEGES);
	CHECK(ask(CTL_PS, OTHER, 0, -1) != EDVSPRIVILEGES);
}

/* The handler says what is wrong with it. */
static void test_a_dc_that_does_not_run_has_no_owner(void)
{
	CHECK_EQ(ask(CTL_UNBIND, OTHER, 1, -1), EDVSDCNOTRUN);
	CHECK_EQ(ask(CTL_UNBIND, OTHER, SHM_DCS, -1), EDVSBADDCID);
	CHECK_EQ(ask(CTL_UNBIND, OTHER, -1, -1), EDVSBADDCID);
}

static void test_what_is_no_call(void)
{
	CHECK_EQ(ask(0, 0, 0, -1), EDVSBADCALL);
	CHECK_EQ(ask(60000, 0, 0, -1), EDVSBADCALL);
}

/* Before anything is sent; and what is of this node alone goes nowhere. */
static void test_a_node_that_is_not_up(void)
{
	CHECK_EQ(ask(CTL_SIGNAL, OWNER, 0, 5), EDVSBADNODEID);
	CHECK_EQ(ask(CTL_SIGNAL, OWNER, 0, NR_NODES), EDVSBADNODEID);
	CHECK_EQ(ask(CTL_SIGNAL, OTHER, 0, 5), EDVSPRIVILEGES);
	CHECK_EQ(ask(CTL_UNBIND, OWNER, 1, 5), EDVSDCNOTRUN);
}

/* It acts for the process that connected. */
static void test_an_asker_that_has_ended(void)
{
	struct request *request = request_new(&node->requests);

	request->told = note;
	request->pid = 1;
	request->head.call = CTL_UNBIND;
	error = 0;
	calls_dispatch(request);
	CHECK_EQ(error, EDVSBADPID);
}

int main(void)
{
	struct directory_dc *dc;

	node = calloc(1, sizeof(*node));
	node->requests.dispatch = calls_dispatch;
	node_wire(node);
	directory_init(&node->order.directory);
	dc = &node->order.directory.dc[0];
	dc->running = true;
	dc->owner_uid = OWNER;
	dc->nr_procs = 16;
	TEST(test_owner_and_root_may);
	TEST(test_a_dc_that_does_not_run_has_no_owner);
	TEST(test_what_is_no_call);
	TEST(test_a_node_that_is_not_up);
	TEST(test_an_asker_that_has_ended);
	free(node);
	return test_end();
}
