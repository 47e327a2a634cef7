/* SPDX-License-Identifier: Apache-2.0 */
#include "node/restart/homecoming.h"

#include "base/test.h"
#include "node/ask/asker_test.h"
#include "node/restart/restart.h"
#include "node/state/order.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/loop.h"
#include "proxy/alone_test.h"

#define OWN 4
#define FAR 9

static pthread_mutex_t lock;
static struct os_loop *loop;
static struct order order;
static struct requests requests;
static struct restarts restarts;
static struct answer answer;
static const struct ctl_restart told = { .nodeid = OWN, .restarts = 3, .links_down = 77 };

static void set_up(void)
{
	os_lock_init(&lock);
	CHECK_EQ(os_loop_new(&loop, &lock), 0);
	order = (struct order){ .self = OWN };
	order.directory.node[OWN].up = 1;
	requests = (struct requests){ .order = &order, .loop = loop };
	restarts = (struct restarts){ .requests = &requests };
	os_lock_take(&lock);
	requests.proxy = alone_new(loop, OWN);
	os_lock_release(&lock);
}

static void tear_down(void)
{
	os_lock_take(&lock);
	requests.proxy = alone_free(requests.proxy);
	os_lock_release(&lock);
	loop = os_loop_free(loop);
}

static const struct ctl_restart *begin(void)
{
	os_lock_take(&lock);
	homecoming_begin(&restarts, asker_request(&requests, CTL_RESTART, &answer),
			 (uint64_t)os_now_ns(), &told);
	os_lock_release(&lock);
	return (const struct ctl_restart *)answer.payload;
}

/* Also nodes that have left have no link. */
static void test_a_node_alone(void)
{
	const struct ctl_restart *said;

	set_up();
	order.directory.node[FAR].incarnation = 2;
	said = begin();
	CHECK_EQ(answer.ends, 1);
	CHECK_EQ(answer.error, 0);
	CHECK_EQ(said->links_down, 0);
	CHECK_EQ(said->restarts, 3);
	CHECK(!restarts.homecoming);
	tear_down();
}

static void stop(void *ctx)
{
	(void)ctx;
	os_loop_stop(loop);
}

/* It waits for a link that is down, but not for ever. */
static void test_a_link_that_stays_down(void)
{
	struct os_source *timer;
	const struct ctl_restart *said;

	set_up();
	order.directory.node[FAR].up = 1;
	said = begin();
	CHECK_EQ(answer.ends, 0);
	os_lock_take(&lock);
	homecoming_on_link(&restarts); /* another one's */
	CHECK_EQ(answer.ends, 0);
	CHECK_EQ(os_source_timer(loop, 1500000, stop, NULL, &timer), 0);
	os_lock_release(&lock);
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK_EQ(answer.ends, 1);
	CHECK_EQ(said->links_down, 1);
	CHECK(said->linked_ns >= 900000000);
	os_lock_take(&lock);
	os_source_free(timer);
	os_lock_release(&lock);
	tear_down();
}

/* The last link is up, or its node has left. */
static void test_the_last_link(void)
{
	set_up();
	order.directory.node[FAR].up = 1;
	begin();
	CHECK_EQ(answer.ends, 0);
	order.directory.node[FAR].up = 0;
	os_lock_take(&lock);
	homecoming_on_link(&restarts);
	os_lock_release(&lock);
	CHECK_EQ(answer.ends, 1);
	CHECK(!restarts.homecoming);
	tear_down();
}

int main(void)
{
	TEST(test_a_node_alone);
	TEST(test_a_link_that_stays_down);
	TEST(test_the_last_link);
	return test_end();
}
