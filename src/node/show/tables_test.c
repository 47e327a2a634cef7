/* SPDX-License-Identifier: Apache-2.0 */

/* The tables: which DC has one, which rows are sent, and that each request ends once. */

#include <stdlib.h>

#include "base/test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/calls.h"
#include "node/node.h"
#include "node/task/ended.h"

#define OWN 2

static struct node *node;
static struct answer answer;

static const struct answer *ask(void (*handle)(struct request *), int dcid, int cmd)
{
	struct request *request = asker_request(&node->requests, CTL_PS, &answer);

	request->head.dcid = dcid;
	request->head.cmd = cmd;
	handle(request);
	CHECK_EQ(answer.ends, 1);
	return &answer;
}

static void test_a_dc_that_is_none(void)
{
	void (*const handlers[])(struct request *) = { handle_ps, handle_proctable, handle_ended };

	for (unsigned i = 0; i < sizeof(handlers) / sizeof(*handlers); i++) {
		CHECK_EQ(ask(handlers[i], 2, 0)->error, EDVSDCNOTRUN);
		CHECK_EQ(ask(handlers[i], SHM_DCS, 0)->error, EDVSBADDCID);
		CHECK_EQ(ask(handlers[i], -2, 0)->error, EDVSBADDCID);
		CHECK_EQ(ask(handlers[i], 1, 0)->error, 0);
		CHECK_EQ(ask(handlers[i], -1, 0)->error, 0);
	}
}

/* Without an answer of the owner our own row stands in; another node that gathers wants only what is ours. */
static void test_rows(void)
{
	CHECK_EQ(ask(handle_ps, 1, 0)->rows, 2);
	CHECK_EQ(((const struct ctl_proc_row *)answer.row)->owner, 4);
	CHECK_EQ(ask(handle_proctable, 1, 0)->rows, 2);
	CHECK_EQ(ask(handle_proctable, 1, 1)->rows, 1);
	CHECK_EQ(((const struct ctl_proc_row *)answer.row)->owner, OWN);
	CHECK_EQ(ask(handle_dcs, -1, 0)->rows, 1);
	CHECK_EQ(ask(handle_nodes, -1, 0)->rows, 1);
}

static void test_ended(void)
{
	const struct ctl_ended_row row = { .dcid = 1, .p_nr = 5 };

	CHECK_EQ(ended_adopt(&node->tasks, &row, NULL, 0), 0);
	CHECK_EQ(ask(handle_ended, 1, 0)->rows, 1);
	CHECK_EQ(ask(handle_ended, -1, 1)->rows, 1);
}

static void test_status_and_counters(void)
{
	node->life.counters.since_ns = 4711;
	CHECK_EQ(ask(handle_status, -1, 0)->value, OWN);
	CHECK_EQ(answer.bytes, sizeof(struct ctl_node_status));
	CHECK_EQ(ask(handle_counters, -1, 0)->value, OWN);
	CHECK_EQ(((const struct ctl_counters *)answer.payload)->since_ns, 4711);
}

int main(void)
{
	struct directory_dc *dc;

	node = calloc(1, sizeof(*node));
	node->options.id = OWN;
	node_wire(node);
	directory_init(&node->order.directory);
	node->order.directory.node[OWN] = (struct directory_node){ .up = 1, .incarnation = 1 };
	dc = &node->order.directory.dc[1];
	dc->running = 1;
	dc->slot[shm_index(0)] = (struct directory_endpoint){ .bound = 1, .node = OWN };
	dc->slot[shm_index(1)] = (struct directory_endpoint){ .bound = 1, .node = 4 };
	TEST(test_a_dc_that_is_none);
	TEST(test_rows);
	TEST(test_ended);
	TEST(test_status_and_counters);
	free(node);
	return test_end();
}
