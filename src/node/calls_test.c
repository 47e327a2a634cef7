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

static bool may(unsigned call, uid_t uid)
{
	return ask(call, uid, 0, -1) != EDVSPRIVILEGES;
}

/* Each call that names a DC, and the one bit of the mode that it takes. */
static void test_the_right_of_each_call(void)
{
	static const unsigned see[] = { CTL_PROCINFO, CTL_DCINFO, CTL_LOGS };
	static const unsigned change[] = { CTL_BIND,	CTL_UNBIND, CTL_PRIV, CTL_WAKEUP,
					   CTL_MIGRATE, CTL_RUN,    CTL_MOVE, CTL_SIGNAL };
	static const unsigned use[] = { CTL_NOTIFY, CTL_CHANNEL };
	static const struct {
		const unsigned *call;
		size_t count;
		unsigned right;
	} lists[] = { { see, sizeof(see) / sizeof(*see), RIGHT_SEE },
		      { change, sizeof(change) / sizeof(*change), RIGHT_CHANGE },
		      { use, sizeof(use) / sizeof(*use), RIGHT_USE } };
	struct right_owner *owner = &node->order.directory.dc[0].owner;

	for (unsigned i = 0; i < 3; i++) {
		for (size_t j = 0; j < lists[i].count; j++) {
			unsigned call = lists[i].call[j];

			owner->mode = lists[i].right << 6;
			CHECK(may(call, OWNER));
			CHECK(!may(call, OTHER));
			CHECK(may(call, 0));
			owner->mode = (7 & ~lists[i].right) * 0111;
			CHECK(!may(call, OWNER));
			CHECK(!may(call, OTHER));
			owner->mode = lists[i].right;
			CHECK(may(call, OTHER));
		}
	}
	owner->mode = RIGHT_MODE_DEFAULT;
}

/* Root's, whatever the mode of a DC says. */
static void test_the_cluster_is_roots(void)
{
	static const unsigned calls[] = { CTL_DCINIT,  CTL_DCEND, CTL_ADDNODE,
					  CTL_DELNODE, CTL_DRAIN, CTL_SHUTDOWN,
					  CTL_RESTART, CTL_KEYS,  CTL_ROSTER };

	node->order.directory.dc[0].owner.mode = 0777;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		CHECK_EQ(ask(calls[i], OWNER, 0, -1), EDVSPRIVILEGES);
		CHECK_EQ(ask(calls[i], OTHER, 0, 5), EDVSPRIVILEGES);
	}
	CHECK(!node->life.stopping);
	node->order.directory.dc[0].owner.mode = RIGHT_MODE_DEFAULT;
}

/* Also not by way of this daemon, to another one. */
static void test_what_daemons_ask_each_other(void)
{
	CHECK_EQ(ask(CTL_WAITS, 0, 0, -1), EDVSBADCALL);
	CHECK_EQ(ask(CTL_WAITS, 0, 0, 5), EDVSBADCALL);
}

static void test_everybody_may(void)
{
	static const unsigned calls[] = { CTL_GETEP, CTL_WAIT4BIND, CTL_NODEINFO, CTL_DVSINFO,
					  CTL_COUNTERS };

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		CHECK(may(calls[i], OTHER));
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

#define ASKERS 77

/* Where a group is set, nothing is answered to other users, and the owner of a DC is one of them. */
static void test_only_a_group_may_ask(void)
{
	struct request *request;

	node->requests.users = ASKERS;
	for (unsigned call = 1; call < 64; call++)
		if (ask(call, OWNER, 0, -1) != EDVSBADCALL)
			CHECK_EQ(ask(call, OWNER, 0, -1), EDVSPRIVILEGES);
	CHECK_EQ(ask(CTL_STATUS, 0, 0, -1), 0);
	/* Its own daemon has judged it. */
	request = request_new(&node->requests);
	request->told = note;
	request->uid = OWNER;
	request->gid = OWNER;
	request->from = 1;
	request->head.call = CTL_STATUS;
	request->head.node = -1;
	error = 0;
	calls_dispatch(request);
	CHECK_EQ(error, 0);
	node->requests.users = RIGHT_NO_GROUP;
	CHECK_EQ(ask(CTL_STATUS, OWNER, 0, -1), 0);
}

int main(void)
{
	struct directory_dc *dc;

	node = calloc(1, sizeof(*node));
	node->requests.dispatch = calls_dispatch;
	node->requests.users = RIGHT_NO_GROUP;
	node_wire(node);
	directory_init(&node->order.directory);
	dc = &node->order.directory.dc[0];
	dc->running = true;
	dc->owner = (struct right_owner){ .uid = OWNER, .mode = RIGHT_MODE_DEFAULT };
	dc->nr_procs = 16;
	TEST(test_the_right_of_each_call);
	TEST(test_the_cluster_is_roots);
	TEST(test_what_daemons_ask_each_other);
	TEST(test_everybody_may);
	TEST(test_a_dc_that_does_not_run_has_no_owner);
	TEST(test_what_is_no_call);
	TEST(test_only_a_group_may_ask);
	TEST(test_a_node_that_is_not_up);
	TEST(test_an_asker_that_has_ended);
	free(node);
	return test_end();
}
