/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/obstacle.h"

#include <string.h>

#include "base/refusal.h"
#include "base/test.h"
#include "dvk.h"
#include "node/ask/request.h"
#include "node/bind/binding.h"
#include "node/copy/copy.h"
#include "node/move/move.h"
#include "node/move/source_part.h"
#include "node/move/target_part.h"
#include "node/state/order.h"
#include "node/task/task.h"

static struct order order;
static struct bindings bindings;
static struct tasks tasks;
static struct requests requests;
static struct moves moves;
static struct copies copies;
static struct refusal why;

static void set_up(void)
{
	order = (struct order){ .self = 4 };
	bindings = (struct bindings){ .all = NULL };
	tasks = (struct tasks){ .bindings = &bindings };
	requests = (struct requests){ .order = &order, .tasks = &tasks };
	moves = (struct moves){ .sources = NULL };
	copies = (struct copies){ .tasks = NULL };
}

static enum quiet_obstacle find(const struct request *asker)
{
	why = (struct refusal)REFUSAL_NONE;
	return obstacle_find(&requests, &moves, &copies, asker, &why);
}

static void test_a_quiet_node(void)
{
	set_up();
	CHECK_EQ(find(NULL), QUIET_NONE);
	CHECK_EQ(why.error, 0);
	CHECK_EQ(obstacle_move(&requests, &moves, &why), QUIET_NONE);
	CHECK_EQ(why.error, 0);
}

/* Coming or going; a connection that has offered nothing yet is nobody's move. */
static void test_moves(void)
{
	struct source source = { .next = NULL };
	struct target target = { .offer = { .dcid = -1 } };

	set_up();
	moves.targets = &target;
	CHECK_EQ(find(NULL), QUIET_NONE);
	target.offer.dcid = 0;
	CHECK_EQ(find(NULL), QUIET_MOVE);
	CHECK_EQ(why.error, EDVSMIGRATE);
	CHECK(strstr(why.reason, "node 4"));
	moves.targets = NULL;
	moves.sources = &source;
	CHECK_EQ(find(NULL), QUIET_MOVE);
	CHECK_EQ(obstacle_move(&requests, &moves, &why), QUIET_MOVE);
	moves.sources = NULL;
	moves.draining = 1;
	CHECK_EQ(find(NULL), QUIET_EMPTYING);
	CHECK_EQ(why.error, EDVSMIGRATE);
	CHECK_EQ(obstacle_move(&requests, &moves, &why), QUIET_NONE);
}

static void test_the_order_and_copies(void)
{
	set_up();
	order.proposals = (struct proposal *)&order;
	CHECK_EQ(find(NULL), QUIET_PROPOSAL);
	CHECK_EQ(why.error, EDVSRSCBUSY);
	order.proposals = NULL;
	copies.tasks = (struct copy_task *)&copies;
	CHECK_EQ(find(NULL), QUIET_COPY);
	CHECK_EQ(why.error, EDVSRSCBUSY);
}

static void test_a_warning(void)
{
	struct binding last = { .p_nr = 9, .warning = (struct warning *)&last };
	struct binding first = { .p_nr = 8, .next = &last };

	set_up();
	bindings.all = &first;
	CHECK_EQ(find(NULL), QUIET_WARNING);
	CHECK(strstr(why.reason, "endpoint 9"));
}

/* Those of clients that can be kept, and the restart's own, hold up nothing. */
static void test_requests_of_clients(void)
{
	struct request unread = { .requests = &requests, .fd = 5, .to = -1, .from = -1 };
	struct request asker = { .requests = &requests,
				 .fd = 6,
				 .to = -1,
				 .from = -1,
				 .head = { .magic = CTL_MAGIC },
				 .next_client = &unread };
	struct request other = { .requests = &requests,
				 .fd = 7,
				 .to = -1,
				 .from = -1,
				 .pid = 777,
				 .head = { .magic = CTL_MAGIC, .call = CTL_SIGNAL },
				 .next_client = &asker };

	set_up();
	requests.clients = &asker;
	CHECK_EQ(find(&asker), QUIET_NONE);
	requests.clients = &other;
	CHECK_EQ(find(&asker), QUIET_REQUEST);
	CHECK_EQ(why.error, EDVSRSCBUSY);
	CHECK(strstr(why.reason, "process 777"));
}

static void ignore(void *asker, int node, const struct ctl_reply *reply, const void *payload)
{
	(void)asker;
	(void)node;
	(void)reply;
	(void)payload;
}

/* This daemon's own question is asked again by its successor. */
static void test_questions_to_other_nodes(void)
{
	struct request mine = {
		.requests = &requests, .fd = -1, .from = -1, .to = 3, .told = ignore
	};
	struct request passed_on = {
		.requests = &requests, .fd = -1, .from = 1, .to = 3, .head = { .call = CTL_MOVE }
	};

	set_up();
	requests.forwarded = &mine;
	CHECK_EQ(find(NULL), QUIET_NONE);
	requests.forwarded = &passed_on;
	CHECK_EQ(find(NULL), QUIET_NODE);
	CHECK_EQ(why.error, EDVSRSCBUSY);
	CHECK(strstr(why.reason, "node 3"));
}

int main(void)
{
	TEST(test_a_quiet_node);
	TEST(test_moves);
	TEST(test_the_order_and_copies);
	TEST(test_a_warning);
	TEST(test_requests_of_clients);
	TEST(test_questions_to_other_nodes);
	return test_end();
}
