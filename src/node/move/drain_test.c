/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dvs drain without a move: each offer is refused by the source at once, because the process was not started by
 * dvs run. So what is seen is the order of the offers, the rows and the end.
 */

#include <string.h>

#include "base/test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/bind/binding.h"
#include "node/calls.h"
#include "node/move/move.h"
#include "node/move/target_part.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/loop.h"

#define OWN 2
#define DC  1

static pthread_mutex_t lock;
static struct os_loop *loop;
static struct order order;
static struct bindings bindings;
static struct tasks tasks;
static struct moves moves;
static struct requests requests;
static struct ctl_counters counters;
static struct task task[2];
static struct binding binding[2];
static struct answer answer;
static struct request *under_way;

static void bind_slot(int i, int p_nr)
{
	task[i] = (struct task){ .tasks = &tasks, .lpid = 70 + i, .tgid = 70 + i };
	binding[i] = (struct binding){
		.next = bindings.all, .task = &task[i], .dcid = DC, .p_nr = p_nr, .generation = 3
	};
	bindings.all = &binding[i];
	bindings.at[DC][shm_index(p_nr)] = &binding[i];
	order.directory.dc[DC].slot[shm_index(p_nr)] =
		(struct directory_endpoint){ .bound = 1, .node = OWN, .generation = 3 };
}

static void set_up(void)
{
	os_lock_init(&lock);
	CHECK_EQ(os_loop_new(&loop, &lock), 0);
	order = (struct order){ .self = OWN };
	bindings = (struct bindings){ .order = &order };
	tasks = (struct tasks){
		.lock = &lock, .loop = loop, .order = &order, .bindings = &bindings
	};
	requests = (struct requests){ .order = &order,
				      .tasks = &tasks,
				      .moves = &moves,
				      .loop = loop,
				      .counters = &counters };
	moves = (struct moves){ .lock = &lock,
				.order = &order,
				.requests = &requests,
				.tasks = &tasks,
				.bindings = &bindings };
	order.directory.node[OWN].up = 1;
	order.directory.dc[DC].running = 1;
	order.directory.dc[DC].nodes = ~0u;
}

static void tear_down(void)
{
	CHECK_EQ(moves.draining, 0);
	CHECK_EQ(bindings.emptied, 0);
	loop = os_loop_free(loop);
}

static void look(void *ctx)
{
	struct os_source **timer = ctx;

	if (answer.ends)
		os_loop_stop(loop);
	else
		os_timer_set(*timer, 1000);
}

static struct request *request_of(int emptied, unsigned flags, uid_t uid)
{
	struct request *request = asker_request(&requests, CTL_DRAIN, &answer);

	request->head.nodeid = emptied;
	request->head.mode = CTL_MODE_STOP;
	request->head.engine = CTL_ENGINE_NATIVE;
	request->head.flags = (uint16_t)flags;
	request->uid = uid;
	return request;
}

/* Also for another reason than the answer: `also` is called in the loop first, if it is not NULL. */
static int drain(unsigned flags, void (*also)(void *ctx))
{
	struct os_source *timer, *extra = NULL;

	os_lock_take(&lock);
	under_way = request_of(OWN, flags, 0);
	CHECK_EQ(os_source_timer(loop, 0, look, &timer, &timer), 0);
	if (also)
		CHECK_EQ(os_source_timer(loop, 30000, also, NULL, &extra), 0);
	handle_drain(under_way);
	os_lock_release(&lock);
	CHECK_EQ(os_loop_run(loop), 0);
	os_lock_take(&lock);
	os_source_free(timer);
	os_source_free(extra);
	os_lock_release(&lock);
	return answer.error;
}

static const struct ctl_move *row(void)
{
	return (const struct ctl_move *)answer.row;
}

static void test_nodes_that_are_none(void)
{
	set_up();
	handle_drain(request_of(5, 0, 0));
	CHECK_EQ(answer.error, EDVSBADNODEID);
	handle_drain(request_of(NR_NODES, 0, 0));
	CHECK_EQ(answer.error, EDVSBADNODEID);
	handle_drain(request_of(-1, 0, 0));
	CHECK_EQ(answer.error, EDVSBADNODEID);
	CHECK_EQ(moves.draining, 0);
	tear_down();
}

static void test_nothing_to_move(void)
{
	set_up();
	CHECK_EQ(drain(0, NULL), 0);
	CHECK_EQ(answer.value, 0);
	CHECK_EQ(answer.rows, 0);
	tear_down();
}

static void test_no_other_node(void)
{
	set_up();
	bind_slot(0, 7);
	CHECK_EQ(drain(0, NULL), EDVSPROCSTS);
	CHECK_EQ(answer.rows, 1);
	CHECK_EQ(row()->endpoint, 7);
	CHECK_EQ(row()->error, EDVSBADNODEID);
	CHECK_EQ(row()->to, -1);
	tear_down();
}

/* A node that is up and of the DC; this one and the others are not asked. The row says what the last one said. */
static void test_each_node_is_asked(void)
{
	set_up();
	bind_slot(0, 7);
	bind_slot(1, 9);
	order.directory.node[1].up = order.directory.node[4].up = order.directory.node[8].up = 1;
	order.directory.dc[DC].nodes = 1u << OWN | 1u << 4 | 1u << 1;
	CHECK_EQ(drain(0, NULL), EDVSPROCSTS);
	CHECK_EQ(answer.rows, 2);
	CHECK_EQ(row()->endpoint, 7); /* the newest went first */
	CHECK_EQ(row()->error, EDVSBADPID);
	CHECK_EQ(row()->to, 1); /* they go round, from the one behind this node */
	CHECK_EQ(counters.moves_refused, 4);
	CHECK(strstr(answer.sentence, "0 moved, 2 stayed"));
	tear_down();
}

/* One that has ended, a backup and one that leaves by another command are not offered. */
static void test_those_that_are_none(void)
{
	set_up();
	bind_slot(0, 7);
	bind_slot(1, 9);
	task[0].ended = true;
	binding[1].role = BINDING_BACKUP;
	CHECK_EQ(drain(0, NULL), 0);
	CHECK_EQ(answer.rows, 0);
	tear_down();
}

static unsigned emptied; /* as it was seen under way */

static void arrive(void *ctx)
{
	(void)ctx;
	emptied = bindings.emptied;
	moves.targets = NULL;
}

/* It waits for those on their way; a dry run counts them. */
static void test_on_their_way(void)
{
	struct target target = { .offer = { .dcid = 0 } };
	int64_t begin = os_now_ns();

	set_up();
	moves.targets = &target;
	CHECK_EQ(drain(CTL_FLAG_DRY_RUN, NULL), EDVSMIGRATE);
	CHECK(strstr(answer.sentence, "1 are on their way"));
	CHECK(os_now_ns() - begin < 3 * OS_SECOND_NS);
	CHECK_EQ(bindings.emptied, 0);
	CHECK_EQ(drain(0, arrive), 0);
	CHECK_EQ(emptied, 1); /* nothing begins here meanwhile */
	CHECK(os_now_ns() - begin >= 30 * OS_MS_NS);
	bind_slot(0, 7);
	task[0].starting = true; /* it is bound, and has not executed its command */
	tasks.all = &task[0];
	CHECK_EQ(drain(CTL_FLAG_DRY_RUN, NULL), EDVSMIGRATE);
	CHECK_EQ(answer.rows, 0);
	task[0].starting = false;
	tasks.all = NULL;
	binding[0].state = BINDING_LEAVING;
	CHECK_EQ(drain(CTL_FLAG_DRY_RUN, NULL), EDVSMIGRATE);
	CHECK_EQ(answer.rows, 0);
	tear_down();
}

static void stop(void *ctx)
{
	(void)ctx;
	under_way->cancelled(under_way);
}

static void test_it_is_asked_to_stop(void)
{
	struct target target = { .offer = { .dcid = 0 } };

	set_up();
	moves.targets = &target;
	CHECK_EQ(drain(0, stop), EDVSINTR);
	tear_down();
}

int main(void)
{
	TEST(test_nodes_that_are_none);
	TEST(test_nothing_to_move);
	TEST(test_no_other_node);
	TEST(test_each_node_is_asked);
	TEST(test_those_that_are_none);
	TEST(test_on_their_way);
	TEST(test_it_is_asked_to_stop);
	return test_end();
}
