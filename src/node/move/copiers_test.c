/* SPDX-License-Identifier: Apache-2.0 */
#include "node/move/copiers.h"

#include <stdatomic.h>

#include "base/test.h"
#include "node/bind/binding.h"
#include "node/task/task.h"
#include "os/activity.h"
#include "os/lock.h"
#include "os/self.h"

#define PEER 9

static struct copiers copiers;

static bool look(bool running, bool copying, uint64_t user_ms)
{
	const struct activity seen = { .running = running, .copying = copying, .user_ms = user_ms };

	return copiers_may_copy(&copiers, PEER, &seen);
}

static void test_one_that_sleeps_elsewhere(void)
{
	copiers = (struct copiers){ 0 };
	CHECK(look(false, false, 5));
	CHECK(look(false, false, 5));
	CHECK(!look(false, false, 5)); /* three times in a row */
}

/* It was between two calls, or in the copy itself: the looks before count no more. */
static void test_one_that_is_seen_at_it(void)
{
	copiers = (struct copiers){ 0 };
	for (int i = 0; i < 10; i++) {
		CHECK(look(false, false, 5));
		CHECK(look(false, false, 5));
		CHECK(look(i % 2, !(i % 2), 5));
	}
}

/* A copy takes place inside the kernel: one that computes does something else. */
static void test_one_that_computes(void)
{
	copiers = (struct copiers){ 0 };
	CHECK(look(true, false, 1000));
	CHECK(look(true, false, 1030));
	CHECK(!look(true, false, 1100));
}

static void test_peers_are_judged_apart(void)
{
	const struct activity sleeps = { .user_ms = 5 };

	copiers = (struct copiers){ 0 };
	CHECK(look(false, false, 5));
	CHECK(look(false, false, 5));
	CHECK(copiers_may_copy(&copiers, PEER + 1, &sleeps));
	CHECK(!look(false, false, 5));
}

/* Only a peer of this node whose mark stands and that lives; this program itself is the peer. */
static void test_marks(void)
{
	static struct bindings bindings;
	struct task task = { .tgid = os_self_pid() };
	struct binding peer = { .task = &task };
	struct exchange_channel *channel = NULL;
	pthread_mutex_t lock;

	copiers = (struct copiers){ 0 };
	os_lock_init(&lock);
	CHECK_EQ(exchange_new(&bindings.exchange, 0), 0);
	CHECK_EQ(exchange_channel(bindings.exchange, 0, 3, PEER, &channel), 0);
	bindings.at[0][shm_index(PEER)] = &peer;
	CHECK_EQ(copiers_count(&copiers, &bindings, &lock, 0, 3), 0);
	atomic_store(&channel->page->copy_busy[exchange_side(channel, 3)], 1);
	CHECK_EQ(copiers_count(&copiers, &bindings, &lock, 0, 3), 1);
	task.ended = true;
	CHECK_EQ(copiers_count(&copiers, &bindings, &lock, 0, 3), 0);
	task.ended = false;
	bindings.at[0][shm_index(PEER)] = NULL;
	CHECK_EQ(copiers_count(&copiers, &bindings, &lock, 0, 3), 0);
	bindings.exchange = exchange_free(bindings.exchange);
}

int main(void)
{
	TEST(test_one_that_sleeps_elsewhere);
	TEST(test_one_that_is_seen_at_it);
	TEST(test_one_that_computes);
	TEST(test_peers_are_judged_apart);
	TEST(test_marks);
	return test_end();
}
