/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_TASK_H
#define DVS_OS_TASK_H

/*
 * Processes of this machine seen from outside. A pid alone names nobody for long: with the start time
 * it names one process for as long as the machine runs. Errors are negative errno.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct task_id {
	pid_t pid;
	uint64_t start; /* clock ticks since boot, as /proc/PID/stat has it */
};

/* Fills *id for a process of which at least one thread runs. -ESRCH: there is none, or there are its remains. */
int os_task_of(pid_t pid, struct task_id *id);

/* Does this very process still run? Remains that nobody has collected yet do not count. */
bool os_task_alive(const struct task_id *id);

/* Is anything of it left, be it remains that its parent has not collected yet? */
bool os_task_remains(const struct task_id *id);

/* Sends a signal to this very process. 0 also when it has gone. */
int os_task_kill(const struct task_id *id, int signo);

/* Waits until it has gone; -ETIMEDOUT. Collects it if it is a child of ours. */
int os_task_wait_gone(const struct task_id *id, int timeout_ms);

/* A process of root that sees the same files as this one (is in its mount namespace). */
bool os_task_is_of_root_here(pid_t pid);

/* Its words, the zero bytes between them as newlines. How many bytes, or negative errno. */
int os_task_words(pid_t pid, char *buf, size_t size);

/* Calls fn for every process of /proc, until it returns other than 0. */
int os_task_each(int (*fn)(void *ctx, pid_t pid), void *ctx);

#endif
