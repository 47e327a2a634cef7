/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_MOVE_SHELL_H
#define DVS_NODE_MOVE_SHELL_H

/*
 * The shell that becomes a process which arrives: started by the init of its DC here, for a worker.
 */

#include <sys/types.h>

struct refusal;
struct tasks;

/*
 * With number vpid in DC dcid, born in that control group (-1: the init's). *pidfd and *sock, the other end of
 * its descriptor 3, are the caller's. Waits for the init: the caller does not hold the lock. 0 or
 * negative errno, -EEXIST: the number is taken; *why is set where the init itself does not answer.
 */
int shell_start(struct tasks *tasks, int dcid, int vpid, int cgroup, pid_t *lpid, int *pidfd,
		int *sock, struct refusal *why);

#endif
