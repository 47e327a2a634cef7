/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_ACTIVITY_H
#define DVS_OS_ACTIVITY_H

/* The activity of a process at this moment, seen from outside. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct activity {
	bool running;	  /* a thread is on a CPU, wants one, or was stopped between two calls */
	bool copying;	  /* a thread is inside process_vm_readv or process_vm_writev */
	uint64_t user_ms; /* of all threads, outside the kernel, since it began */
};

/* 0; -ESRCH: it has ended; other negative errno. */
int os_activity(pid_t pid, struct activity *activity);

#endif
