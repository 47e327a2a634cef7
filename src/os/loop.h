/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_LOOP_H
#define DVS_OS_LOOP_H

/*
 * The daemon's event loop: libevent behind a small face. Every callback runs with the lock given to
 * os_loop_new() held (taken just before, released just after), so that node code run from the loop and
 * from other threads (bell thread, migration workers) excludes each other; the loop never holds it
 * while it waits. Sources may be added and freed from any thread that holds the lock; a source that
 * was freed, or is no longer set for that event, is not called any more, even when its callback was
 * already waiting for the lock. By then another thread may have read the bytes that were there: descriptors are
 * to be non-blocking. Without a lock (NULL) everything stays on one thread but os_loop_stop().
 */

#include <sys/types.h> /* pthread_mutex_t */
#include <stdbool.h>
#include <stdint.h>

struct os_loop;
struct os_source;

#define OS_READ	 1
#define OS_WRITE 2

typedef void os_io_fn(void *ctx, int fd, int events);
typedef void os_timer_fn(void *ctx);

int os_loop_new(struct os_loop **loopp, pthread_mutex_t *lock);
struct os_loop *os_loop_free(struct os_loop *loop); /* after its sources; returns NULL */
int os_loop_run(struct os_loop *loop); /* until os_loop_stop(); the caller must not hold the lock */
void os_loop_stop(struct os_loop *loop); /* from any thread or callback */

/* Level-triggered. The descriptor stays the caller's and is closed only after the source is freed. */
int os_source_io(struct os_loop *loop, int fd, int events, os_io_fn *fn, void *ctx,
		 struct os_source **sourcep);
int os_source_set(struct os_source *source,
		  int events); /* changes what is waited for; 0: nothing */
/* One shot; re-arm with os_timer_set(). delay_us < 0: disarmed. */
int os_source_timer(struct os_loop *loop, int64_t delay_us, os_timer_fn *fn, void *ctx,
		    struct os_source **sourcep);
int os_timer_set(struct os_source *source, int64_t delay_us);
int os_source_signal(struct os_loop *loop, int signo, os_timer_fn *fn, void *ctx,
		     struct os_source **sourcep);
struct os_source *
os_source_free(struct os_source *source); /* returns NULL; allowed in its callback */
/*
 * Runs fn after every turn, before the loop waits again, *without* the lock; fn takes it with
 * os_loop_lock() where it needs it. It is for conditions that are cheaper to look at than to be woken for: true
 * means that the next turn shall not wait, only look. Added and ended while the loop does not run, or by its
 * own thread. 0 or -ENOSPC.
 */
typedef bool os_between_fn(void *ctx);
int os_loop_between(struct os_loop *loop, os_between_fn *fn, void *ctx);
void os_loop_between_end(struct os_loop *loop, os_between_fn *fn, void *ctx);
void os_loop_lock(struct os_loop *loop);
void os_loop_unlock(struct os_loop *loop);
/*
 * Runs fn once on the loop, soon, from any thread holding the lock: in the order posted, never from
 * inside this call. A function that has not run when the loop is freed never runs.
 */
int os_loop_post(struct os_loop *loop, os_timer_fn *fn, void *ctx);

#endif
