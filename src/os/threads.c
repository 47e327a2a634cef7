/* SPDX-License-Identifier: Apache-2.0 */
#include "os/threads.h"

#include <assert.h>
#include <pthread.h>

#include "os/lock.h"

int os_thread_start_joined(pthread_t *thread, os_thread_fn *fn, void *ctx)
{
	assert(fn);
	os_lock_share();
	return -pthread_create(thread, NULL, fn, ctx);
}

int os_thread_start(os_thread_fn *fn, void *ctx)
{
	pthread_t thread;
	int r = os_thread_start_joined(&thread, fn, ctx);

	if (r == 0)
		pthread_detach(thread);
	return r;
}

void os_thread_join(pthread_t thread)
{
	assert(!pthread_equal(thread, pthread_self()));
	os_lock_wait_begins("the end of a thread");
	pthread_join(thread, NULL);
}

void os_thread_exit(void)
{
	assert(!os_lock_is_held());
	pthread_exit(NULL);
}
