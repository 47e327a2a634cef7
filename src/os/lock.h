/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_LOCK_H
#define DVS_OS_LOCK_H

/*
 * The lock of a daemon, under which nothing waits for another process, a peer or a time. Each thread knows
 * whether it holds one, and everything in os/ that may wait says so before it does: a wait with a lock
 * held is an error in the daemon's log, which the scenarios look for at their end. Waiting on a condition gives the
 * lock back, and is none of this. A look at all tasks of the machine counts as a wait.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h> /* pthread_mutex_t, pthread_cond_t */

void os_lock_init(pthread_mutex_t *lock);
void os_lock_take(pthread_mutex_t *lock);
void os_lock_release(pthread_mutex_t *lock);
bool os_lock_is_held(void); /* by this thread */
/* This thread may use all that the lock protects: it holds one, or is the only thread yet. For assertions. */
bool os_lock_protects(void);
/* A second thread is about to begin. */
void os_lock_share(void);
/* Sets the function that is told of such a wait; there is none at first. Before there are threads. */
void os_lock_watch(void (*fn)(const char *what));
/* Sets the function that is called with the lock held when it is about to be given back. Before there are threads. */
void os_lock_on_release(void (*fn)(void *ctx), void *ctx);
/* `what` is about to wait, or may. */
void os_lock_wait_begins(const char *what);

/* A condition, whose deadlines are of the monotonic clock. */
void os_condition_init(pthread_cond_t *condition);
void os_condition_deinit(pthread_cond_t *condition);
/* Wakes one of the threads that wait. */
void os_condition_signal(pthread_cond_t *condition);
/* With the lock held, which it gives back meanwhile. 0, for no reason too; -ETIMEDOUT at deadline_ns (0: never). */
int os_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline_ns);

#endif
