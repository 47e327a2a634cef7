/* SPDX-License-Identifier: Apache-2.0 */
#include "os/lock.h"

#include <stdatomic.h>

#define REPORTS_MAX 20 /* of one process: the fault is known by then */

static _Thread_local unsigned held;
static atomic_uint reports;
static void (*report)(const char *what);

void os_lock_watch(void (*fn)(const char *what))
{
	report = fn;
}

void os_lock_take(pthread_mutex_t *lock)
{
	pthread_mutex_lock(lock);
	held++;
}

void os_lock_release(pthread_mutex_t *lock)
{
	held--;
	pthread_mutex_unlock(lock);
}

bool os_lock_is_held(void)
{
	return held > 0;
}

void os_lock_wait_begins(const char *what)
{
	if (held && report && atomic_fetch_add(&reports, 1) < REPORTS_MAX)
		report(what);
}
