// SPDX-License-Identifier: Apache-2.0
#include "os/futex.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/test.h"
#include "os/clock.h"

static void test_other_value_returns_at_once(void)
{
	_Atomic uint32_t word = 7;

	CHECK_EQ(os_futex_wait(&word, 6, -1), 0);
}

static void test_deadline_passes(void)
{
	_Atomic uint32_t word = 7;
	int64_t before = os_now_ns();

	CHECK_EQ(os_futex_wait(&word, 7, before + 5 * OS_MS_NS), -ETIMEDOUT);
	CHECK(os_now_ns() - before >= 5 * OS_MS_NS);
	CHECK_EQ(os_futex_wait(&word, 7, before), -ETIMEDOUT);
}

static void test_nobody_to_wake(void)
{
	_Atomic uint32_t word = 0;

	CHECK_EQ(os_futex_wake(&word, 1), 0);
}

static void *sleeper(void *arg)
{
	_Atomic uint32_t *word = arg;
	int r = 0;

	while (!r && atomic_load(word) == 0)
		r = os_futex_wait(word, 0, os_deadline_ns(5000));
	return (void *)(intptr_t)r;
}

static void test_wake(void)
{
	_Atomic uint32_t word = 0;
	void *result = NULL;
	pthread_t thread;

	CHECK_OR_RETURN(!pthread_create(&thread, NULL, sleeper, &word));
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	atomic_store(&word, 1);
	CHECK(os_futex_wake(&word, 1) >= 0);
	pthread_join(thread, &result);
	CHECK_EQ((intptr_t)result, 0);
}

int main(void)
{
	TEST(test_other_value_returns_at_once);
	TEST(test_deadline_passes);
	TEST(test_nobody_to_wake);
	TEST(test_wake);
	return test_end();
}
