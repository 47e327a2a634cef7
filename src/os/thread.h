/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_THREAD_H
#define DVS_OS_THREAD_H

/*
 * The calling thread: its numbers, the CPU it has, the signals it takes, and copies between its
 * memory and another process's. Everything here may be called in a child after fork().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h> /* sigset_t */

int os_thread_id(void); /* in its own pid namespace */
int os_process_id(void);

/* Blocks every signal that can be blocked, and restores what *kept says. */
void os_signals_block(sigset_t *kept);
void os_signals_restore(const sigset_t *kept);
/* Blocks SIGALRM, SIGIO and SIGTERM only. */
void os_signals_block_timers(sigset_t *kept);

/* Keeps the thread from being cancelled; returns what os_thread_restore_cancel() needs. */
int os_thread_hold_cancel(void);
void os_thread_restore_cancel(int kept);

/* The CPU it runs on, or ran on a moment ago; 0 if the kernel does not say. */
unsigned os_thread_cpu(void);
/* False as soon as the process has had a second thread. One that was not made by pthread_create() does not count. */
bool os_thread_is_only(void);
/* Lets another runnable thread go first, if there is one. */
void os_thread_yield(void);
/* Sleeps; -EINTR when a signal handler ran. */
int os_thread_sleep_ns(int64_t ns);
/* The same with this signal mask meanwhile: a signal that was blocked until now ends it at once. */
int os_thread_sleep_with(int64_t ns, const sigset_t *mask);

/* Until fd can be read, or its other end closed: 0, -ETIMEDOUT, or negative errno. */
int os_thread_wait_readable(int fd, int timeout_ms);

/*
 * All bytes between an address here and one of process pid; into: towards us. 0, or negative errno:
 * -ESRCH, -EPERM; -EFAULT when either range is not all there.
 */
int os_process_copy(int pid, void *here, uint64_t there, size_t bytes, bool into);

#endif
