/* SPDX-License-Identifier: Apache-2.0 */

/* dvs logs: the node that has an output, and the refusals if there is none. */

#include "node/bind/bind_rig_test.h"
#include "node/calls.h"
#include "node/task/following.h"
#include "node/task/output.h"

#define SLOT 6
#define FREE 7
#define FAR  8
#define TEXT "hello"

static struct binding *binding;

static void set_up(void)
{
	rig_begin();
	rig.requests.dispatch = handle_logs;
	binding = rig_bind(SLOT, rig_task(os_process_id()));
	rig_bound(FAR, RIG_FAR);
}

static void keep_output(void)
{
	struct output *output = NULL;

	CHECK_EQ(output_new(rig.bindings.loop, OUTPUT_LEAST, &output), 0);
	output_import(output, (const uint8_t *)TEXT, sizeof(TEXT) - 1);
	following_take_output(binding->task, output, 0);
}

static int logs(int p_nr, unsigned flags)
{
	struct request *request = rig_ask(CTL_LOGS, p_nr);

	request->head.flags = flags;
	return rig_run(handle_logs, request);
}

static void test_where_it_is(void)
{
	set_up();
	CHECK_EQ(logs(SLOT, 0), EDVSNOENT); /* not by dvs run */
	logs(FAR, 0);
	CHECK_EQ(rig.passed_to, RIG_FAR);
	keep_output();
	CHECK_EQ(logs(SLOT, 0), 0);
	CHECK_EQ(rig.passed_to, -1);
	rig.order.directory.dc[RIG_DC].running = 0;
	CHECK_EQ(logs(SLOT, 0), EDVSDCNOTRUN); /* its output is gone with it */
	rig_end();
}

/* The slot is free: all nodes are asked for the output of its last process, and a node that is asked so asks none. */
static void test_a_free_slot(void)
{
	struct request *request;

	set_up();
	CHECK_EQ(logs(FREE, 0), EDVSNOTBIND);
	CHECK_EQ(rig.passed_to, RIG_FAR);
	CHECK_EQ(rig.passed.call, CTL_LOGS);
	CHECK_EQ(rig.passed.cmd, 1);
	request = rig_ask(CTL_LOGS, FREE);
	request->head.cmd = 1;
	CHECK_EQ(rig_run(handle_logs, request), EDVSNOENT);
	CHECK_EQ(rig.passed_to, -1);
	request = rig_ask(CTL_LOGS, FREE);
	request->from = RIG_FAR;
	CHECK_EQ(rig_run(handle_logs, request), EDVSNOENT);
	CHECK_EQ(rig.passed_to, -1);
	/* The last process was here. */
	keep_output();
	binding->task->managed = true;
	binding->task->ended = true;
	rig_slot(SLOT)->bound = 0;
	rig_slot(SLOT)->generation++;
	binding_detach(binding);
	CHECK_EQ(logs(SLOT, 0), 0);
	CHECK_EQ(rig.passed_to, -1);
	rig_slot(SLOT)->generation++; /* there has been another life since, elsewhere */
	CHECK_EQ(logs(SLOT, 0), EDVSNOTBIND);
	CHECK_EQ(rig.passed_to, RIG_FAR);
	rig_end();
}

static void test_following(void)
{
	set_up();
	keep_output();
	CHECK_EQ(logs(SLOT, CTL_FLAG_FOLLOW), 1);
	binding->task->ended = true;
	binding_detach(binding);
	CHECK_EQ(rig.answer.ends, 1);
	CHECK_EQ(rig.answer.error, 0);
	rig_end();
}

int main(void)
{
	TEST(test_where_it_is);
	TEST(test_a_free_slot);
	TEST(test_following);
	return test_end();
}
