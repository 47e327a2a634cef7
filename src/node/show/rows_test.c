/* SPDX-License-Identifier: Apache-2.0 */
#include "node/show/rows.h"

#include <stdio.h>
#include <string.h>

#include "base/test.h"
#include "core/line.h"
#include "node/bind/binding.h"
#include "node/state/life.h"
#include "node/state/order.h"
#include "node/task/task.h"

/* This is node 2; DC 1 has an endpoint here, its peer elsewhere, and a slot that nobody has. */
#define OWN	   2
#define FAR	   4
#define DC	   1
#define HERE	   5
#define PEER	   6
#define NONE_BOUND 7

static struct order order;
static struct tasks tasks;
static struct bindings bindings;
static struct status_page page;
static struct exchange_status status = { .page = &page };
static struct task task = { .tasks = &tasks, .lpid = 4321, .vpid = 12 };
static struct binding binding;
static proc_usr_t row;

static struct directory_endpoint *slot(int p_nr)
{
	return &order.directory.dc[DC].slot[shm_index(p_nr)];
}

static void set_up(void)
{
	order = (struct order){ .self = OWN };
	page = (struct status_page){ .getfrom = ANY, .sendto = NONE };
	binding = (struct binding){
		.task = &task, .bindings = &bindings, .status = &status, .dcid = DC, .p_nr = HERE
	};
	bindings.at[DC][shm_index(HERE)] = &binding;
	order.directory.dc[DC].running = 1;
	*slot(HERE) = (struct directory_endpoint){ .bound = 1, .node = OWN, .nodemap = 1 << OWN };
	*slot(PEER) = (struct directory_endpoint){ .bound = 1, .node = FAR, .nodemap = 1 << FAR };
}

static const proc_usr_t *row_of(int p_nr)
{
	memset(&row, 0xff, sizeof(row));
	rows_proc(&order, &bindings, DC, p_nr, &row);
	return &row;
}

static void test_a_free_slot(void)
{
	set_up();
	CHECK_EQ(row_of(NONE_BOUND)->p_rts_flags, SLOT_FREE);
	CHECK_EQ(row.p_nodeid, -1);
	CHECK_EQ(row.p_lpid, -1);
	CHECK(!strcmp(row.p_name, "$noname"));
	CHECK_EQ(row_of(SHM_SLOTS)->p_rts_flags, SLOT_FREE);
}

static void test_where_it_is(void)
{
	set_up();
	CHECK_EQ(row_of(HERE)->p_rts_flags, 0);
	CHECK_EQ(row.p_lpid, 4321);
	CHECK_EQ(row.p_vpid, 12);
	CHECK_EQ(row.p_nodeid, OWN);
	CHECK_EQ(row_of(PEER)->p_rts_flags, REMOTE);
	CHECK_EQ(row.p_lpid, -1);
	CHECK_EQ(row.p_nodeid, FAR);
}

/* A statement about another node has a row here, one about this node has none. */
static void test_a_slot_that_is_stated(void)
{
	set_up();
	*slot(NONE_BOUND) = (struct directory_endpoint){ .stated = 1, .node = FAR };
	CHECK_EQ(row_of(NONE_BOUND)->p_rts_flags, REMOTE);
	CHECK_EQ(row.p_nodemap, 1 << FAR);
	slot(NONE_BOUND)->node = OWN;
	CHECK_EQ(row_of(NONE_BOUND)->p_rts_flags, SLOT_FREE);
}

/* The numbers of a wait that is over stay in the page and are not shown. */
static void test_a_wait(void)
{
	set_up();
	page.sendto = PEER;
	page.getfrom = PEER;
	page.waitunbind = PEER;
	CHECK_EQ(row_of(HERE)->p_sendto, NONE);
	CHECK_EQ(row.p_getfrom, NONE);
	CHECK_EQ(row.p_waitunbind, NONE);
	page.rts_flags = SENDING;
	CHECK_EQ(row_of(HERE)->p_rts_flags, SENDING);
	CHECK_EQ(row.p_sendto, PEER);
	page.rts_flags = RECEIVING;
	CHECK_EQ(row_of(HERE)->p_getfrom, PEER);
	page.rts_flags = WAITUNBIND;
	CHECK_EQ(row_of(HERE)->p_waitunbind, PEER);
}

static void test_what_the_daemon_knows_of_it(void)
{
	set_up();
	binding.warning = (struct warning *)&binding;
	page.latch = EDVSWOKENUP;
	slot(HERE)->misc = MIS_GRPLEADER;
	CHECK_EQ(row_of(HERE)->p_misc_flags, MIS_KILLED | MIS_WOKENUP | MIS_GRPLEADER);
}

/* By hand the process runs on until its next call; a wait is the migration's at once. */
static void test_one_that_moves(void)
{
	set_up();
	slot(HERE)->moving = 1;
	CHECK_EQ(row_of(HERE)->p_rts_flags, MIGRATING);
	slot(HERE)->by_hand = 1;
	CHECK_EQ(row_of(HERE)->p_rts_flags, 0);
	CHECK_EQ(row.p_misc_flags, MIS_NEEDMIG);
	page.rts_flags = RECEIVING;
	CHECK_EQ(row_of(HERE)->p_rts_flags, RECEIVING | MIGRATING);
	slot(PEER)->moving = slot(PEER)->by_hand = 1;
	CHECK_EQ(row_of(PEER)->p_rts_flags, REMOTE | MIGRATING);
}

/* Nothing else of the wait is shown until the peer's move is over. */
static void test_one_that_waits_for_a_move(void)
{
	set_up();
	slot(PEER)->moving = 1;
	page.rts_flags = SENDING;
	page.sendto = PEER;
	CHECK_EQ(row_of(HERE)->p_rts_flags, WAITMIGR);
	CHECK_EQ(row.p_waitmigr, PEER);
	CHECK_EQ(row.p_sendto, NONE);
	page.rts_flags = RECEIVING;
	page.getfrom = PEER;
	CHECK_EQ(row_of(HERE)->p_rts_flags, WAITMIGR);
	CHECK_EQ(row.p_waitmigr, PEER);
	page.getfrom = ANY;
	CHECK_EQ(row_of(HERE)->p_rts_flags, RECEIVING);
	slot(PEER)->moving = 0;
	page.getfrom = PEER;
	CHECK_EQ(row_of(HERE)->p_rts_flags, RECEIVING);
	CHECK_EQ(row.p_waitmigr, NONE);
}

/* Nobody wakes the caller to say that its request was taken: the line knows. */
static void test_a_request_that_was_taken(void)
{
	struct exchange_channel *channel = NULL;

	set_up();
	CHECK_EQ(exchange_new(&bindings.exchange, OWN), 0);
	CHECK_EQ(exchange_channel(bindings.exchange, DC, HERE, PEER, &channel), 0);
	page.rts_flags = SENDING | RECEIVING;
	page.sendto = page.getfrom = PEER;
	channel->page->line[exchange_side(channel, HERE)].word =
		line_word(1, LINE_SENT, LINE_OP_SEND, 0);
	CHECK_EQ(row_of(HERE)->p_rts_flags, SENDING | RECEIVING);
	channel->page->line[exchange_side(channel, HERE)].word =
		line_word(1, LINE_TAKEN, LINE_OP_SEND, 0);
	CHECK_EQ(row_of(HERE)->p_rts_flags, RECEIVING);
	CHECK_EQ(row.p_sendto, NONE);
	bindings.exchange = exchange_free(bindings.exchange);
}

static void test_a_node(void)
{
	node_usr_t node;

	set_up();
	order.directory.node[OWN] = (struct directory_node){ .up = 1, .name = "self" };
	order.directory.node[FAR].incarnation = 1;
	order.directory.dc[DC].nodes = 1 << OWN;
	order.directory.dc[0].nodes = 1 << OWN; /* does not run */
	rows_node(&order, NULL, OWN, &node);
	CHECK_EQ(node.n_dcs, 1 << DC);
	CHECK_EQ(node.n_flags, NODE_ATTACHED | NODE_SCONNECTED);
	CHECK_EQ(node.n_proxies, NO_PROXIES);
	CHECK(!strcmp(node.n_name, "self"));
	rows_node(&order, NULL, FAR, &node);
	CHECK_EQ(node.n_flags, 0);
	CHECK(!strcmp(node.n_name, "NONAME"));
}

static void test_a_dc(void)
{
	dc_usr_t dc;

	set_up();
	rows_dc(&order, &tasks, DC, &dc);
	CHECK_EQ(dc.dc_flags, DC_RUNNING);
	CHECK_EQ(dc.dc_pid, -1);
	rows_dc(&order, &tasks, DC + 1, &dc);
	CHECK_EQ(dc.dc_flags, DC_FREE);
}

static void test_the_dvs(void)
{
	struct life life = { .debug_level = 77, .dvs_name = "NAMED" };
	dvs_usr_t dvs;

	rows_dvs(&life, &dvs);
	CHECK_EQ(dvs.d_dbglvl, 77);
	CHECK(!strcmp(dvs.d_name, "NAMED"));
	CHECK_EQ(dvs.d_flags, DVK_INITIALIZED);
}

int main(void)
{
	TEST(test_a_free_slot);
	TEST(test_where_it_is);
	TEST(test_a_slot_that_is_stated);
	TEST(test_a_wait);
	TEST(test_what_the_daemon_knows_of_it);
	TEST(test_one_that_moves);
	TEST(test_one_that_waits_for_a_move);
	TEST(test_a_request_that_was_taken);
	TEST(test_a_node);
	TEST(test_a_dc);
	TEST(test_the_dvs);
	return test_end();
}
