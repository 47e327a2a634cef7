/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/test.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/threads.h"

static pthread_mutex_t lock;
static pthread_cond_t changed;
static unsigned ended;
static atomic_bool went_on;

static void *count_end(void *ctx)
{
	CHECK(!os_lock_protects());
	os_lock_take(&lock);
	CHECK(os_lock_protects());
	ended += *(unsigned *)ctx;
	os_condition_signal(&changed);
	os_lock_release(&lock);
	return NULL;
}

static void *leave(void *ctx)
{
	*(unsigned *)ctx = 7;
	os_thread_exit();
	atomic_store(&went_on, true);
}

static void test_detached(void)
{
	unsigned by = 3;
	int r = 0;

	CHECK(os_lock_protects()); /* alone */
	os_lock_take(&lock);
	CHECK_EQ(os_thread_start(count_end, &by), 0);
	while (ended != by && r == 0)
		r = os_condition_wait(&changed, &lock, os_deadline_ns(10000));
	CHECK_EQ(ended, by);
	os_lock_release(&lock);
	CHECK(!os_lock_protects());
}

static void test_joined(void)
{
	unsigned by = 0;
	pthread_t thread;

	CHECK_EQ(os_thread_start_joined(&thread, leave, &by), 0);
	os_thread_join(thread);
	CHECK_EQ(by, 7);
	CHECK(!atomic_load(&went_on));
}

static void test_deadline(void)
{
	int64_t before_ns = os_now_ns(), until_ns = before_ns + 20 * OS_MS_NS;
	int r = 0;

	os_lock_take(&lock);
	while (r == 0)
		r = os_condition_wait(&changed, &lock, until_ns);
	CHECK_EQ(r, -ETIMEDOUT);
	CHECK(os_now_ns() >= until_ns);
	CHECK(os_lock_is_held());
	os_lock_release(&lock);
}

int main(void)
{
	os_lock_init(&lock);
	os_condition_init(&changed);
	TEST(test_detached);
	TEST(test_joined);
	TEST(test_deadline);
	os_condition_deinit(&changed);
	return test_end();
}
