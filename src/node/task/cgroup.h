/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_NODE_TASK_CGROUP_H
#define DVS_NODE_TASK_CGROUP_H

/*
 * A control group for each process that this node starts or takes in, so that the processes that it leaves behind
 * (children, daemons that forked twice, sessions of their own) can be counted and end with it. They are called
 * DC.SLOT.LIFE and lie in the daemon's folder; see os/cgroup.h. Where the machine lets none be made all of this does
 * nothing, and the sessions of init_orphans.c remain. Node lock held, but in cgroup_close().
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tasks;
struct task;

#define CGROUP_NAME_MAX	  32
#define CGROUP_OTHERS_MAX 2048

/* Without a folder the log says why. */
void cgroup_open(struct tasks *tasks);
/* For a daemon that executes itself anew: the folder's descriptor, -1 without one; and taking it over,
 * when the processes have been. */
int cgroup_folder(const struct tasks *tasks);
void cgroup_adopt(struct tasks *tasks, int folder);
/* Ends what runs in them and removes all, without the lock, when the loop does not run any more. */
void cgroup_close(struct tasks *tasks);

/* Makes a group: a descriptor, the caller's, and its name; or -1 and "". */
int cgroup_make(struct tasks *tasks, int dcid, int p_nr, uint32_t generation,
		char name[CGROUP_NAME_MAX]);
/* Ends what runs in it; harmless for "". */
void cgroup_kill(struct tasks *tasks, const char *name);
/* Removes it, as soon as nothing runs in it; kill: and ends that. The name is "" then. */
void cgroup_end(struct tasks *tasks, char name[CGROUP_NAME_MAX], bool kill);

/*
 * The processes that came from this one and live: at most `max` of their numbers here; how many there are, -1 if
 * that is not known.
 */
int cgroup_others(const struct task *task, pid_t *pids, int max);

#endif
