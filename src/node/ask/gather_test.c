/* SPDX-License-Identifier: Apache-2.0 */

/* Nodes that are asked by a request each. No link is up; the hook keeps the questions, and the test answers them. */

#include "node/ask/gather.h"

#include "base/test.h"
#include "dvk.h"
#include "node/ask/asker_test.h"
#include "node/state/order.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/loop.h"
#include "proxy/alone_test.h"

#define OWN 2

static pthread_mutex_t lock;
static struct os_loop *loop;
static struct order order;
static struct requests requests;
static struct ctl_counters counters;
static struct answer answer;
static struct request *asked[NR_NODES];
static bool is_kept;
static unsigned done;
static uint32_t gathered;

static bool on_lost(struct request *request, enum again_fate fate)
{
	CHECK_EQ(fate, AGAIN_UNSENT);
	if (is_kept)
		asked[request->head.node] = request;
	return is_kept;
}

static void on_done(struct request *parent)
{
	done++;
	gathered = parent->gathered;
	request_end(parent, 0, NULL, 0, NULL, 0);
	os_loop_stop(loop);
}

static void set_up(void)
{
	os_lock_init(&lock);
	CHECK_EQ(os_loop_new(&loop, &lock), 0);
	order = (struct order){ .self = OWN };
	order.directory.node[OWN].up = 1;
	requests = (struct requests){
		.order = &order, .loop = loop, .on_lost = on_lost, .counters = &counters
	};
	is_kept = true;
	done = 0;
	os_lock_take(&lock);
	requests.proxy = alone_new(loop, OWN);
}

static void tear_down(void)
{
	requests.proxy = alone_free(requests.proxy);
	os_lock_release(&lock);
	loop = os_loop_free(loop);
}

static void start(void)
{
	struct request *parent = asker_request(&requests, CTL_PS, &answer);

	parent->head.dcid = 1;
	parent->head.endpoint = 5;
	parent->uid = 1000;
	gather_start(parent, CTL_PROCTABLE, on_done);
}

static void test_a_node_alone(void)
{
	set_up();
	start();
	CHECK_EQ(done, 1);
	CHECK_EQ(gathered, 0);
	tear_down();
}

/* A node that cannot be asked is left out at once. */
static void test_none_is_reached(void)
{
	set_up();
	order.directory.node[4].up = order.directory.node[6].up = 1;
	is_kept = false;
	start();
	CHECK_EQ(done, 1);
	CHECK_EQ(gathered, 0);
	tear_down();
}

/* Rows pass as they come; a node that answers with an error has not answered. */
static void test_answers(void)
{
	const uint64_t row = 4711;

	set_up();
	order.directory.node[4].up = order.directory.node[6].up = 1;
	start();
	CHECK_EQ(done, 0);
	CHECK_EQ(asked[4]->head.call, CTL_PROCTABLE);
	CHECK_EQ(asked[4]->head.cmd, 1);
	CHECK_EQ(asked[4]->head.dcid, 1);
	CHECK_EQ(asked[4]->head.endpoint, 5);
	CHECK_EQ(asked[4]->uid, 1000);
	request_row(asked[4], &row, sizeof(row));
	request_row(asked[6], &row, sizeof(row));
	CHECK_EQ(answer.rows, 2);
	request_end(asked[4], 0, NULL, 0, NULL, 0);
	CHECK_EQ(done, 0);
	request_fail(asked[6], EDVSRSCBUSY, "not now");
	CHECK_EQ(done, 1);
	CHECK_EQ(gathered, 1u << 4);
	tear_down();
}

/* One that does not answer is waited for half a second; a later answer finds nobody. */
static void test_one_is_silent(void)
{
	const uint64_t row = 4711;
	int64_t begin;

	set_up();
	order.directory.node[4].up = order.directory.node[6].up = 1;
	start();
	request_end(asked[6], 0, NULL, 0, NULL, 0);
	os_lock_release(&lock);
	begin = os_now_ns();
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK(os_now_ns() - begin < 10 * OS_SECOND_NS);
	os_lock_take(&lock);
	CHECK_EQ(done, 1);
	CHECK_EQ(gathered, 1u << 6);
	request_row(asked[4], &row, sizeof(row));
	request_end(asked[4], 0, NULL, 0, NULL, 0);
	CHECK_EQ(done, 1);
	CHECK_EQ(answer.rows, 0);
	tear_down();
}

int main(void)
{
	TEST(test_a_node_alone);
	TEST(test_none_is_reached);
	TEST(test_answers);
	TEST(test_one_is_silent);
	return test_end();
}
