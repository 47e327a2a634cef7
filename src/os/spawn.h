/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DVS_OS_SPAWN_H
#define DVS_OS_SPAWN_H

/*
 * Starting processes with a chosen pid, prepared to the last step before they execute anything, and
 * starting this same program anew as process 1 of a pid namespace.
 *
 *	os_spawn_hold()   child exists: session, streams, folder, user are set; it waits
 *	os_spawn_go()     it executes          close(go_fd): it ends
 *
 * os_spawn_hold() is for programs with one thread (what the child does is not safe to do in a copy of
 * one of many); os_spawn_self() is safe everywhere.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define OS_SPAWN_FDS_MAX 4

struct os_spawn {
	char *const *argv; /* argv[0] without a '/' is looked for in the PATH of envp */
	char *const *envp;
	const char *cwd;
	unsigned umask;
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	int group_count;
	/* fds[i] becomes descriptor fd_first + i, -1 an open /dev/null; nothing else stays open. */
	int fd_first;
	int fds[OS_SPAWN_FDS_MAX];
	int fd_count;
	/*
	 * Soft limit of the stack when it executes, within the hard one; 0: the caller's. The kernel keeps that much
	 * room under the stack free of mappings for the program's whole life.
	 */
	uint64_t stack_bytes;
	pid_t pid; /* wanted, in the caller's pid namespace; 0: any */
	/* Control group that it is born in, if the kernel lets it; -1 or 0: the caller's. */
	int cgroup;
};

enum os_spawn_step {
	OS_SPAWN_NONE,
	OS_SPAWN_CLONE,
	OS_SPAWN_SESSION,
	OS_SPAWN_STREAMS,
	OS_SPAWN_USER,
	OS_SPAWN_FOLDER,
	OS_SPAWN_EXECUTE,
	OS_SPAWN_STEPS,
};

/* The attempt of that step, to be followed by the error: "enter the working directory". */
const char *os_spawn_step_text(enum os_spawn_step step);

struct os_spawned {
	pid_t pid;
	int pidfd; /* the caller's */
	int go_fd; /* the caller's, until os_spawn_go() */
};

/*
 * Rlimits are the caller's; signal dispositions and mask are the defaults; sid = pgid = pid. Waits for
 * the child to be prepared, at most timeout_ms. 0, or negative errno and the step; -EEXIST in
 * OS_SPAWN_CLONE: the pid is taken. After an error there is no child.
 */
int os_spawn_hold(const struct os_spawn *spawn, int timeout_ms, struct os_spawned *spawned,
		  enum os_spawn_step *step);
/* Lets it execute and closes go_fd. 0: it did; negative errno of execve; -ETIMEDOUT. */
int os_spawn_go(int go_fd, int timeout_ms);

/*
 * Executes this program's file with argv (argv[0] is just a name) as process 1 of a new pid namespace
 * inside the caller's other ones; fds[] become descriptors 3 and up, standard input and output
 * /dev/null, and all signals are blocked until it calls os_unblock_signals(). If the caller has a keeper it is the
 * keeper's child, and the kernel kills it when the keeper ends; else, if the caller is the main thread, when that ends.
 * *pidfdp is the caller's. Negative errno.
 */
int os_spawn_self(char *const *argv, const int *fds, int fd_count, pid_t *pidp, int *pidfdp);

void os_unblock_signals(void);
void os_set_name(const char *name); /* as ps shows it; cut to 15 bytes */

/* The pid that was last given out in the caller's pid namespace; the next one is looked for after it. */
int os_last_pid(pid_t *pid); /* 0 or negative errno */
int os_set_last_pid(pid_t pid);

#endif
