// SPDX-License-Identifier: Apache-2.0
#include "os/lock.h"

#include <pthread.h>
#include <sys/socket.h>

#include "base/test.h"
#include "os/loop.h"
#include "os/reap.h"
#include "os/socket.h"
#include "os/thread.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int pair[2], reported;

static void on_report(const char *what)
{
	CHECK(what[0] != 0);
	reported++;
}

/* How often a wait was reported since the last call. */
static int reports(void)
{
	int count = reported;

	reported = 0;
	return count;
}

static void wait_in_every_way(void)
{
	char byte;

	os_poll(pair[0], OS_READ, 1);
	os_read_full(pair[0], &byte, 1, 1);
	os_thread_sleep_ns(1);
	os_thread_wait_readable(pair[0], 1);
	os_reap_pidfd(pair[0], 1);
}

static void test_waits_are_seen(void)
{
	wait_in_every_way();
	CHECK_EQ(reports(), 0);
	CHECK(!os_lock_is_held());
	os_lock_take(&lock);
	CHECK(os_lock_is_held());
	wait_in_every_way();
	CHECK(reports() >= 5);
	os_lock_release(&lock);
	CHECK(!os_lock_is_held());
	wait_in_every_way();
	CHECK_EQ(reports(), 0);
}

static void test_looks_are_no_waits(void)
{
	os_lock_take(&lock);
	os_poll(pair[0], OS_READ, 0);
	os_write_full(pair[0], "x", 1, 0);
	CHECK_EQ(reports(), 0);
	os_lock_release(&lock);
}

static void *another(void *arg)
{
	wait_in_every_way();
	return arg;
}

static void test_other_threads_may_wait(void)
{
	pthread_t thread;

	os_lock_take(&lock);
	CHECK(!pthread_create(&thread, NULL, another, NULL));
	pthread_join(thread, NULL);
	CHECK_EQ(reports(), 0);
	os_lock_release(&lock);
}

static void on_time(void *ctx)
{
	struct os_loop *loop = ctx;

	CHECK(os_lock_is_held());
	os_thread_sleep_ns(1);
	os_loop_stop(loop);
}

static void test_callbacks_hold_it(void)
{
	struct os_source *timer;
	struct os_loop *loop;

	CHECK_OR_RETURN(!os_loop_new(&loop, &lock));
	CHECK(!os_source_timer(loop, 0, on_time, loop, &timer));
	CHECK_EQ(os_loop_run(loop), 0);
	CHECK_EQ(reports(), 1);
	CHECK(!os_lock_is_held());
	os_source_free(timer);
	os_loop_free(loop);
}

static int given_back;

static void on_release(void *ctx)
{
	CHECK(os_lock_is_held());
	++*(int *)ctx;
}

/* Once each time, with the lock. */
static void test_release(void)
{
	os_lock_on_release(on_release, &given_back);
	os_lock_take(&lock);
	CHECK_EQ(given_back, 0);
	os_lock_release(&lock);
	CHECK_EQ(given_back, 1);
	os_lock_on_release(NULL, NULL);
	os_lock_take(&lock);
	os_lock_release(&lock);
	CHECK_EQ(given_back, 1);
}

int main(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return 1;
	os_lock_watch(on_report);
	TEST(test_looks_are_no_waits);
	TEST(test_other_threads_may_wait);
	TEST(test_callbacks_hold_it);
	TEST(test_release);
	TEST(test_waits_are_seen);
	return test_end();
}
