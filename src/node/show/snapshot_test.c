/* SPDX-License-Identifier: Apache-2.0 */
#include "node/show/snapshot.h"

#include <string.h>

#include "base/test.h"
#include "node/ask/request.h"
#include "node/bind/binding.h"
#include "node/move/move.h"
#include "node/state/order.h"
#include "node/task/ended.h"
#include "node/task/task.h"

/*
 * This is node 2. DC 1 has two endpoints here and one on each of two other nodes; DC 3 has one here; DC 5 is removed.
 */
#define OWN	2
#define FAR	4
#define FARTHER 6

static struct order order;
static struct requests requests = { .order = &order };
static struct tasks tasks;
static struct bindings bindings;
static struct moves moves;
static struct request asker;
static struct snapshot s;

static void bind_slot(int dcid, int p_nr, int node)
{
	order.directory.dc[dcid].slot[shm_index(p_nr)] =
		(struct directory_endpoint){ .bound = 1, .node = (int8_t)node, .generation = 9 };
}

static void set_up(void)
{
	order = (struct order){ .self = OWN };
	asker = (struct request){ .head = { .dcid = -1 }, .requests = &requests, .fd = -1 };
	requests.tasks = &tasks;
	memset(&s, 0, sizeof(s));
	order.directory.dc[1].running = order.directory.dc[3].running = 1;
	bind_slot(1, 5, OWN);
	bind_slot(1, -2, OWN);
	bind_slot(1, 6, FAR);
	bind_slot(1, 7, FARTHER);
	bind_slot(3, 0, OWN);
	bind_slot(5, 0, OWN);
	order.directory.dc[1].slot[shm_index(8)] =
		(struct directory_endpoint){ .stated = 1, .node = FAR };
}

static size_t count_rows(enum snapshot_rows rows)
{
	CHECK_EQ(snapshot_rows(&s, &order, &bindings, rows, &asker), 0);
	return s.row_count;
}

static void test_own_rows(void)
{
	set_up();
	CHECK_EQ(count_rows(SNAPSHOT_OWN), 3);
	CHECK_EQ(s.row[0].proc.p_nr, -2);
	CHECK_EQ(s.row[1].proc.p_nr, 5);
	CHECK_EQ(s.row[2].proc.p_dcid, 3);
	CHECK_EQ(s.row[2].owner, OWN);
	CHECK_EQ(s.row[2].generation, 9);
	CHECK_EQ(s.row[2].children, -1);
	snapshot_deinit(&s);
	CHECK_EQ(s.row_count, 0);
}

static void test_one_dc(void)
{
	set_up();
	asker.head.dcid = 3;
	CHECK_EQ(count_rows(SNAPSHOT_OWN), 1);
	CHECK_EQ(s.row[0].proc.p_dcid, 3);
	snapshot_deinit(&s);
}

/* All, and a slot that is stated to be elsewhere. */
static void test_the_table(void)
{
	set_up();
	CHECK_EQ(count_rows(SNAPSHOT_TABLE), 6);
	CHECK_EQ(s.row[4].proc.p_nr, 8);
	CHECK_EQ(s.row[4].owner, FAR);
	snapshot_deinit(&s);
}

/* Each endpoint once: an owner that has answered has shown its own. */
static void test_stand_ins(void)
{
	set_up();
	CHECK_EQ(count_rows(SNAPSHOT_STAND_IN), 2);
	snapshot_deinit(&s);
	asker.gathered = 1u << FAR;
	CHECK_EQ(count_rows(SNAPSHOT_STAND_IN), 1);
	CHECK_EQ(s.row[0].owner, FARTHER);
	snapshot_deinit(&s);
}

static void test_dcs(void)
{
	set_up();
	snapshot_dcs(&s, &order, &tasks, &asker);
	CHECK_EQ(s.dc_count, 2);
	CHECK_EQ(s.dc[0].dc.dc_dcid, 1);
	CHECK_EQ(s.dc[0].endpoints, 4);
	CHECK_EQ(s.dc[1].dc.dc_dcid, 3);
	CHECK_EQ(s.dc[1].endpoints, 1);
}

/* A node that has been a member once stays in the list. */
static void test_nodes(void)
{
	set_up();
	order.directory.node[OWN] =
		(struct directory_node){ .up = 1, .incarnation = 3, .name = "self" };
	snapshot_nodes(&s, &order, NULL);
	CHECK_EQ(s.node_count, 1);
	CHECK(s.node[0].self);
	CHECK(s.node[0].link_up);
	CHECK_EQ(s.node[0].incarnation, 3);
	CHECK(!strcmp(s.node[0].node.n_name, "self"));
}

/* Commands that were decided while there was an order stay. A lost order is shown otherwise than a minority. */
static void test_status(void)
{
	struct task task = { .lpid = 1 };
	struct ctl_node_status status;

	set_up();
	order.directory.order = 123;
	order.directory.node[OWN].up = 1;
	tasks.all = &task;
	snapshot_status(&status, &order, NULL, &tasks, &moves);
	CHECK_EQ(status.nodeid, OWN);
	CHECK_EQ(status.order, 123);
	CHECK_EQ(status.nodes_up, 1);
	CHECK_EQ(status.links_up, 0);
	CHECK_EQ(status.processes, 1);
	CHECK_EQ(status.moves, 0);
	CHECK_EQ(status.groups, 0);
	CHECK_EQ(status.quorum, CTL_QUORUM_LOST);
	order.quorum = true;
	snapshot_status(&status, &order, NULL, &tasks, &moves);
	CHECK_EQ(status.quorum, 1);
	tasks.all = NULL;
}

static void test_ended(void)
{
	const struct ctl_ended_row first = { .dcid = 1, .p_nr = 5 };
	const struct ctl_ended_row second = { .dcid = 3, .p_nr = 6 };

	set_up();
	CHECK_EQ(ended_adopt(&tasks, 9, &first, NULL, 0), 0);
	CHECK_EQ(ended_adopt(&tasks, 9, &second, NULL, 0), 0);
	CHECK_EQ(snapshot_ended(&s, &tasks, &asker), 0);
	CHECK_EQ(s.ended_count, 2);
	snapshot_deinit(&s);
	asker.head.dcid = 3;
	CHECK_EQ(snapshot_ended(&s, &tasks, &asker), 0);
	CHECK_EQ(s.ended_count, 1);
	CHECK_EQ(s.ended[0].p_nr, 6);
	snapshot_deinit(&s);
}

/* Of all tables the rows of the DCs that the user may see. */
static void test_a_user_sees_its_own(void)
{
	const struct ctl_ended_row first = { .dcid = 1, .p_nr = 5 };
	const struct ctl_ended_row second = { .dcid = 3, .p_nr = 6 };

	set_up();
	order.directory.dc[3].owner = (struct right_owner){ 1000, 50, 0740 };
	asker.user = (struct right_user){ .uid = 1001, .gid = 50 };
	CHECK_EQ(count_rows(SNAPSHOT_TABLE), 1);
	CHECK_EQ(s.row[0].proc.p_dcid, 3);
	snapshot_deinit(&s);
	asker.head.dcid = 1;
	CHECK_EQ(count_rows(SNAPSHOT_TABLE), 0);
	snapshot_deinit(&s);
	asker.head.dcid = -1;
	snapshot_dcs(&s, &order, &tasks, &asker);
	CHECK_EQ(s.dc_count, 1);
	CHECK_EQ(s.dc[0].dc.dc_dcid, 3);
	CHECK_EQ(s.dc[0].uid, 1000);
	CHECK_EQ(s.dc[0].gid, 50);
	CHECK_EQ(s.dc[0].mode, 0740);
	ended_forget_dc(&tasks, 1);
	ended_forget_dc(&tasks, 3);
	CHECK_EQ(ended_adopt(&tasks, 9, &first, NULL, 0), 0);
	CHECK_EQ(ended_adopt(&tasks, 9, &second, NULL, 0), 0);
	CHECK_EQ(snapshot_ended(&s, &tasks, &asker), 0);
	CHECK_EQ(s.ended_count, 1);
	CHECK_EQ(s.ended[0].dcid, 3);
	snapshot_deinit(&s);
}

int main(void)
{
	TEST(test_own_rows);
	TEST(test_one_dc);
	TEST(test_the_table);
	TEST(test_stand_ins);
	TEST(test_dcs);
	TEST(test_nodes);
	TEST(test_status);
	TEST(test_ended);
	TEST(test_a_user_sees_its_own);
	return test_end();
}
