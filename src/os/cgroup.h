/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_CGROUP_H
#define DVS_OS_CGROUP_H

/*
 * Control groups (v2) without controllers: sets of processes that nothing leaves by itself. One folder
 * for a daemon, below the group that it runs in itself, and in it a group for each thing it runs:
 *
 *	<own group>/dvs.NODE[-N]/NAME
 *
 * The folder is locked as long as its daemon lives, over an execve too: a program that can lock it knows that
 * the groups in there were left behind. All results are 0 or more, or negative errno.
 */

#include <stdbool.h>
#include <sys/types.h>

#define OS_CGROUP_NAME_MAX 32
#define OS_CGROUP_FOLDER   "dvs." /* then the node's number */

/*
 * Makes the folder of a daemon and locks it: a descriptor, the caller's. Those beside it whose daemons have ended
 * are removed, with the processes in them. -ENOENT where there is no version 2 hierarchy, -EROFS,
 * -EACCES or the like where nothing may be made in it.
 */
int os_cgroup_claim(int node);
/* "dvs.0" of it. */
int os_cgroup_folder_name(int folder, char *name, size_t size);
/* Removes the folder and what is in it, killing that: true, or false: something does not end. */
bool os_cgroup_release(int folder);
/* Removes all folders below the hierarchy's top whose daemons have ended. */
void os_cgroup_sweep(void);

/* Calls fn for each group in it. */
void os_cgroup_each(int folder, void (*fn)(void *ctx, const char *name), void *ctx);
/* A new group: its descriptor, the caller's. -EEXIST. */
int os_cgroup_make(int folder, const char *name);
/* -EBUSY: something runs in it. */
int os_cgroup_remove(int folder, const char *name);
/* Ends all that is in it, what is born meanwhile too; their ends are not waited for. */
int os_cgroup_kill(int folder, const char *name);
/* The processes in it, as the caller numbers them, at most `max`; how many there are. */
int os_cgroup_pids(int folder, const char *name, pid_t *pids, int max);

#endif
