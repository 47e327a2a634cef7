/* SPDX-License-Identifier: Apache-2.0 */

/* The tables: which DC has one, which rows are sent, and that each request ends once. */

#include <stdlib.h>

#include "base/test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/calls.h"
#include "node/bind/binding.h"
#include "node/move/move.h"
#include "node/state/order.h"
#include "node/task/ended.h"
#include "node/task/task.h"

#define OWN 2

static struct order order;
static struct ctl_counters counters = { .since_ns = 4711 };
static struct moves moves;
static struct bindings bindings;
static struct tasks tasks = { .order = &order, .bindings = &bindings };
static struct requests requests = {
	.order = &order, .tasks = &tasks, .moves = &moves, .counters = &counters
};
static struct answer answer;

static const struct answer *ask(void (*handle)(struct request *), int dcid, int cmd)
{
	struct request *request = asker_request(&requests, CTL_PS, &answer);

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

	CHECK_EQ(ended_adopt(&tasks, 9, &row, NULL, 0), 0);
	CHECK_EQ(ask(handle_ended, 1, 0)->rows, 1);
	CHECK_EQ(ask(handle_ended, -1, 1)->rows, 1);
}

static void test_status_and_counters(void)
{
	CHECK_EQ(ask(handle_status, -1, 0)->value, OWN);
	CHECK_EQ(answer.bytes, sizeof(struct ctl_node_status));
	CHECK_EQ(ask(handle_counters, -1, 0)->value, OWN);
	CHECK_EQ(((const struct ctl_counters *)answer.payload)->since_ns, 4711);
}

int main(void)
{
	struct directory_dc *dc;

	order.self = OWN;
	directory_init(&order.directory);
	order.directory.node[OWN] = (struct directory_node){ .up = 1, .incarnation = 1 };
	dc = &order.directory.dc[1];
	dc->running = 1;
	dc->slot[shm_index(0)] = (struct directory_endpoint){ .bound = 1, .node = OWN };
	dc->slot[shm_index(1)] = (struct directory_endpoint){ .bound = 1, .node = 4 };
	TEST(test_a_dc_that_is_none);
	TEST(test_rows);
	TEST(test_ended);
	TEST(test_status_and_counters);
	return test_end();
}
