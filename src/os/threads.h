/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_THREADS_H
#define DVS_OS_THREADS_H

/*
 * Threads of a daemon. A thread that nobody joins ends by returning from its function.
 */

#include <sys/types.h> /* pthread_t */

typedef void *os_thread_fn(void *ctx);

/* A thread that nobody joins. 0 or negative errno. */
int os_thread_start(os_thread_fn *fn, void *ctx);
/* A thread that os_thread_join() waits for. 0 or negative errno. */
int os_thread_start_joined(pthread_t *thread, os_thread_fn *fn, void *ctx);
void os_thread_join(pthread_t thread);
/* Ends the calling thread from wherever it is. */
_Noreturn void os_thread_exit(void);

#endif
