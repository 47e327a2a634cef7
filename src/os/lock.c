/* SPDX-License-Identifier: Apache-2.0 */
#include "os/lock.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#include "os/clock.h"

#define REPORTS_MAX 20 /* of one process: the fault is known by then */

static _Thread_local unsigned held;
static atomic_uint reports;
static atomic_bool shared; /* with other threads */
static void (*report)(const char *what);
static void (*on_release)(void *ctx);
static void *release_ctx;

void os_lock_watch(void (*fn)(const char *what))
{
	report = fn;
}

void os_lock_on_release(void (*fn)(void *ctx), void *ctx)
{
	on_release = fn;
	release_ctx = ctx;
}

void os_lock_init(pthread_mutex_t *lock)
{
	pthread_mutex_init(lock, NULL);
}

void os_lock_take(pthread_mutex_t *lock)
{
	pthread_mutex_lock(lock);
	held++;
}

void os_lock_release(pthread_mutex_t *lock)
{
	assert(held > 0);
	if (on_release && held == 1)
		on_release(release_ctx);
	held--;
	pthread_mutex_unlock(lock);
}

bool os_lock_is_held(void)
{
	return held > 0;
}

bool os_lock_protects(void)
{
	return held > 0 || !atomic_load_explicit(&shared, memory_order_relaxed);
}

void os_lock_share(void)
{
	atomic_store_explicit(&shared, true, memory_order_relaxed);
}

void os_lock_wait_begins(const char *what)
{
	if (held && report && atomic_fetch_add(&reports, 1) < REPORTS_MAX)
		report(what);
}

void os_condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attr);
	pthread_condattr_destroy(&attr);
}

void os_condition_deinit(pthread_cond_t *condition)
{
	pthread_cond_destroy(condition);
}

void os_condition_signal(pthread_cond_t *condition)
{
	pthread_cond_signal(condition);
}

int os_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline_ns)
{
	struct timespec until = os_timespec(deadline_ns);

	assert(held > 0);
	return deadline_ns ? -pthread_cond_timedwait(condition, lock, &until)
			   : -pthread_cond_wait(condition, lock);
}
