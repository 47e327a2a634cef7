/* SPDX-License-Identifier: Apache-2.0 */

/* dvs migrate before the owner's node takes over: its refusals, and the name of each. */

#include "node/move/move.h"

#include "base/test.h"
#include "dvk.h"
#include "group/group.h"
#include "node/ask/asker_test.h"
#include "node/bind/binding.h"
#include "node/calls.h"
#include "node/state/order.h"
#include "node/task/task.h"

#define OWN  2
#define FAR  4
#define DOWN 5
#define ELSE 6 /* up, and not of the DC */
#define DC   1
#define P_NR 7

static struct order order;
static struct bindings bindings;
static struct tasks tasks;
static struct moves moves;
static struct requests requests;
static struct ctl_counters counters;
static struct answer answer;

static struct command sent;

/* The order takes everything, and decides nothing. */
int group_send(struct group *group, const struct command *cmd)
{
	CHECK(group == (struct group *)&order);
	sent = *cmd;
	return 0;
}

static void set_up(void)
{
	struct directory_dc *dc = &order.directory.dc[DC];

	order = (struct order){ .self = OWN };
	tasks = (struct tasks){ .order = &order, .bindings = &bindings };
	requests = (struct requests){
		.order = &order, .tasks = &tasks, .moves = &moves, .counters = &counters
	};
	moves = (struct moves){
		.order = &order, .requests = &requests, .tasks = &tasks, .bindings = &bindings
	};
	order.directory.node[OWN].up = order.directory.node[FAR].up = 1;
	order.directory.node[ELSE].up = 1;
	dc->running = 1;
	dc->nr_procs = 20;
	dc->nodes = 1u << OWN | 1u << FAR | 1u << DOWN;
	dc->slot[shm_index(P_NR)] = (struct directory_endpoint){ .bound = 1, .node = OWN };
}

static struct request *request_of(int dcid, int p_nr, int target)
{
	struct request *request = asker_request(&requests, CTL_MOVE, &answer);

	request->head.dcid = dcid;
	request->head.endpoint = p_nr;
	request->head.nodeid = target;
	request->head.mode = CTL_MODE_STOP;
	request->head.engine = CTL_ENGINE_NATIVE;
	request->again = handle_move; /* it has caught up with the order */
	return request;
}

static int move(int dcid, int p_nr, int target)
{
	handle_move(request_of(dcid, p_nr, target));
	CHECK_EQ(answer.ends, 1);
	return answer.error;
}

static void test_endpoint_and_target(void)
{
	set_up();
	CHECK_EQ(move(SHM_DCS, P_NR, FAR), EDVSBADDCID);
	CHECK_EQ(move(DC + 1, P_NR, FAR), EDVSDCNOTRUN);
	CHECK_EQ(move(DC, P_NR + 1, FAR), EDVSNOTBIND);
	CHECK_EQ(move(DC, SHM_SLOTS, FAR), EDVSNOTBIND);
	CHECK_EQ(move(DC, P_NR, DOWN), EDVSBADNODEID);
	CHECK_EQ(move(DC, P_NR, NR_NODES), EDVSBADNODEID);
	CHECK_EQ(move(DC, P_NR, -1), EDVSBADNODEID);
	CHECK_EQ(move(DC, P_NR, ELSE), EDVSDCNODE);
	CHECK_EQ(move(DC, P_NR, OWN), EDVSLCLPROC);
	CHECK_EQ(move(DC, P_NR, FAR), EDVSNOTBIND); /* by the source: no process is attached */
}

/* A node that came, or was added, a moment ago is not refused by one that has not heard of it yet. */
static void test_a_node_that_is_behind(void)
{
	static const struct {
		int target, error;
	} refused[] = { { DOWN, EDVSBADNODEID }, { ELSE, EDVSDCNODE } };
	const struct directory_result result = { 0 };

	set_up();
	for (unsigned i = 0; i < 2; i++) {
		struct request *request = request_of(DC, P_NR, refused[i].target);

		order.group = (struct group *)&order;
		order.quorum = true;
		sent = (struct command){ 0 };
		request->again = NULL;
		handle_move(request);
		CHECK_EQ(sent.kind, COMMAND_SYNC);
		CHECK(!answer.ends);
		/* It has heard all, and nothing of that. */
		order_decided(&order, sent.request, &result);
		CHECK_EQ(answer.ends, 1);
		CHECK_EQ(answer.error, refused[i].error);
	}
}

static void test_ways_that_are_not_known(void)
{
	struct request *request;

	set_up();
	request = request_of(DC, P_NR, FAR);
	request->head.mode = CTL_MODE_STOP + 1;
	handle_move(request);
	CHECK_EQ(answer.error, EDVSNOSYS);
	request = request_of(DC, P_NR, FAR);
	request->head.engine = CTL_ENGINE_NATIVE + 1;
	handle_move(request);
	CHECK_EQ(answer.error, EDVSNOSYS);
}

/* It names no target. */
static void test_a_cancel(void)
{
	struct request *request;

	set_up();
	request = request_of(DC, P_NR, -1);
	request->head.flags = CTL_FLAG_CANCEL;
	handle_move(request);
	CHECK_EQ(answer.error, EDVSNOENT);
}

int main(void)
{
	TEST(test_endpoint_and_target);
	TEST(test_a_node_that_is_behind);
	TEST(test_ways_that_are_not_known);
	TEST(test_a_cancel);
	return test_end();
}
