/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_NETNS_H
#define DVS_OS_NETNS_H

/*
 * Network namespaces by process, without names in the file system. A namespace's inode number is
 * used again after its end; its cookie never is while the machine runs. Errors are negative errno.
 */

#include <stdint.h>
#include <sys/types.h>

struct netns_id {
	uint64_t inode;
	uint64_t cookie;
};

/* The network namespace that a process is in; pid 0: the caller's. */
int os_netns_of(pid_t pid, struct netns_id *id);

/* Just its inode number, which costs one stat. */
int os_netns_inode(pid_t pid, uint64_t *inode);

/* Moves the calling thread into the namespace of a process, or into a new one. */
int os_netns_enter(pid_t pid);
int os_netns_new(void);

#endif
