/* SPDX-License-Identifier: Apache-2.0 */

/* The steps of a source as far as they need no process: its binding, its end, and the peers that copy. */

#include <stdatomic.h>

#include "base/test.h"
#include "dvk.h"
#include "node/bind/binding.h"
#include "node/move/source_part.h"
#include "node/state/order.h"
#include "node/task/task.h"
#include "os/lock.h"
#include "os/self.h"
#include "os/socket.h"

#define OWN  2
#define DC   1
#define P_NR 7
#define PEER 9
#define LIFE 3

static pthread_mutex_t lock;
static struct order order;
static struct bindings bindings;
static struct moves moves;
static struct task task;
static struct binding binding;
static struct source d;
static int pair[2]; /* the first end is readable when the process has ended */

static void set_up(void)
{
	CHECK_EQ(os_unix_pair(OS_STREAM, pair), 0);
	order = (struct order){ .self = OWN };
	bindings = (struct bindings){ .order = &order };
	CHECK_EQ(exchange_new(&bindings.exchange, OWN), 0);
	moves = (struct moves){
		.lock = &lock, .order = &order, .exchange = bindings.exchange, .bindings = &bindings
	};
	task = (struct task){ .lpid = 70, .tgid = 70, .pidfd = pair[0] };
	binding = (struct binding){ .task = &task, .dcid = DC, .p_nr = P_NR, .generation = LIFE };
	bindings.at[DC][shm_index(P_NR)] = &binding;
	d = (struct source){ .moves = &moves, .dcid = DC, .p_nr = P_NR, .generation = LIFE };
}

static void tear_down(void)
{
	bindings.exchange = exchange_free(bindings.exchange);
	os_close(pair[0]);
	os_close(pair[1]);
}

/* The next life of the slot is another process. */
static void test_its_binding(void)
{
	set_up();
	CHECK(source_binding(&d) == &binding);
	binding.generation++;
	CHECK(!source_binding(&d));
	bindings.at[DC][shm_index(P_NR)] = NULL;
	CHECK(!source_binding(&d));
	tear_down();
}

/* Known to the daemon, or to the kernel alone. */
static void test_its_end(void)
{
	set_up();
	CHECK(!source_has_died(&d));
	task.ended = true;
	CHECK(source_has_died(&d));
	task.ended = false;
	CHECK_EQ(os_write_full(pair[1], "x", 1, 0), 0);
	CHECK(source_has_died(&d));
	bindings.at[DC][shm_index(P_NR)] = NULL;
	CHECK(source_has_died(&d));
	tear_down();
}

static int take(void)
{
	refusal_clear(&d.refusal);
	CHECK_EQ(source_take_far_ends(&d) < 0, d.refusal.error != 0);
	return d.refusal.error;
}

static void test_the_far_ends(void)
{
	set_up();
	CHECK_EQ(take(), 0);
	CHECK_EQ(binding.state, BINDING_LEAVING);
	bindings.at[DC][shm_index(P_NR)] = NULL;
	CHECK_EQ(take(), EDVSSRCDIED);
	tear_down();
}

/* Parts of the daemon's copies, and a peer that is seen at it until the plan has no patience any more. */
static void test_copies_under_way(void)
{
	struct exchange_channel *channel = NULL;
	struct task peer_task = { .tgid = os_self_pid() };
	struct binding peer = { .task = &peer_task };

	set_up();
	atomic_store(&d.worker.driver.step_told, true);
	CHECK_EQ(exchange_channel(bindings.exchange, DC, P_NR, PEER, &channel), 0);
	bindings.at[DC][shm_index(PEER)] = &peer;
	CHECK_EQ(take(), 0); /* its mark does not stand */
	atomic_store(&channel->page->copy_busy[exchange_side(channel, P_NR)], 1);
	CHECK_EQ(take(), EDVSBUSY);
	peer_task.ended = true;
	CHECK_EQ(take(), 0);
	tear_down();
}

int main(void)
{
	os_lock_init(&lock);
	TEST(test_its_binding);
	TEST(test_its_end);
	TEST(test_the_far_ends);
	TEST(test_copies_under_way);
	return test_end();
}
